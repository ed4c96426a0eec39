"""Templates and their changes, independent of rules and report formats."""
