"""The local cloud: moto's server, extended to run the deployed resources on one machine.

``control`` starts and stops it; ``server`` is its process, which installs the other modules into moto.
"""
