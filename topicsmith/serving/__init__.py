"""The deployed endpoint: inference, updates and rollbacks."""
