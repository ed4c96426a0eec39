"""IAM enforcement for every request."""
