"""Readers of corpus files."""
