"""Parts shared by SageMaker jobs."""
