"""Alarm loop and actions, which connect several services."""
