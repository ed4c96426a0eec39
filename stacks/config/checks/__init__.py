"""Checks of an environment across its sections."""
