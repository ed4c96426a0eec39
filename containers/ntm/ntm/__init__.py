"""Neural topic model for Python (`NeuralTopicModel`), the command line (`ntm`) and SageMaker (`train`, `serve`)."""

from typing import TYPE_CHECKING, Any

from ntm.common.version import __version__

if TYPE_CHECKING:
    from ntm.estimator import NeuralTopicModel

__all__ = ["NeuralTopicModel", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the estimator on first use: it takes a second, and serving needs no scikit-learn."""
    if name == "NeuralTopicModel":
        from ntm.estimator import NeuralTopicModel

        return NeuralTopicModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
