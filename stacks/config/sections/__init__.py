"""Sections of an environment file, each a pydantic model in its own module."""
