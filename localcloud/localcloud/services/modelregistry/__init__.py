"""The SageMaker model registry."""
