"""Assemblies to compare: a checkout, a commit or the deployed stacks."""
