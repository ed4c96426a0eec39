"""Corpus files: checks, uploads and the demo corpus."""
