"""Pipeline runs: starting, watching and reading their results."""
