"""Validation of requests against AWS's service models."""
