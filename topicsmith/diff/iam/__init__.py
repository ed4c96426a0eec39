"""Grants of IAM policies, and the principals that they expose resources to."""
