"""Reviewable diff of synthesized stacks: the effect of a change on deployed resources, most dangerous first.

It compares two sets of synthesized stacks and imports neither ``stacks`` nor ``constructs``: it sees only what
CloudFormation sees.
"""
