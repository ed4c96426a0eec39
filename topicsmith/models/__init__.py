"""Registered model versions, their topics and their quality gate."""
