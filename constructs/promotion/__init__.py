"""Promotion of models between environments."""
