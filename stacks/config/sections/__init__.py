"""Sections of an environment file, one pydantic model per module."""
