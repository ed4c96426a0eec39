"""Sections of an environment file, one pydantic model a module."""
