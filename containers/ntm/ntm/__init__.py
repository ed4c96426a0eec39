"""A neural topic model in SageMaker's container contract: `train` learns it, `serve` answers with it."""

__version__ = "0.1.0"
