"""Stacks for continuous delivery."""
