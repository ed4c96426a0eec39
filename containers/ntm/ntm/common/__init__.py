"""Hyperparameters, errors and SageMaker paths."""
