"""The readable diff: what a change does to what is deployed, the dangerous first.

It compares two sets of synthesized stacks and imports neither ``stacks`` nor ``constructs``: what it sees is what
CloudFormation sees.
"""
