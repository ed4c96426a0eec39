"""Grants of IAM policies, and the exposure that they cause."""
