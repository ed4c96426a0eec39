"""Sources of the two sides: a checkout, a commit or the deployed stacks."""
