"""Notifications of failed runs and updates."""
