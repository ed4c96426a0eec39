"""Endpoints and their deployments."""
