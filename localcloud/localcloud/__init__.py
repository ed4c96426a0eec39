"""The local cloud: moto's server, extended so that what the template deploys really runs, on one machine.

``control`` starts and stops it; ``server`` is its process, which installs the other modules into moto.
"""
