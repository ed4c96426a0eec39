"""Helpers shared by the constructs."""
