"""Typed SageMaker pipeline definitions: steps and expressions."""
