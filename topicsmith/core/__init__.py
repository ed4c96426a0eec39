"""Shared parts of the command line: AWS clients, deployed environments, errors and output."""
