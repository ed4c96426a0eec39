"""Promotion of approved models to another environment without retraining."""
