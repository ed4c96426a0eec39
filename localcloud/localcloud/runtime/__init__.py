"""Processes, images, logs and data of jobs and endpoints."""
