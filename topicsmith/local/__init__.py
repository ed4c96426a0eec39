"""Deployments to the local cloud."""
