"""The neural network, and its numpy twin for inference."""
