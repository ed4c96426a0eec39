"""Deployed endpoint: inference, updates and rollbacks."""
