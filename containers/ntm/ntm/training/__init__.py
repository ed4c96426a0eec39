"""Training, from SageMaker's job down to the optimizer."""
