"""The training pipeline, its jobs and the quality gate."""
