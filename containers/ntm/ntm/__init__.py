"""A neural topic model: for Python (`NeuralTopicModel`), the command line (`ntm`), and SageMaker (`train`, `serve`)."""

from typing import TYPE_CHECKING, Any

from ntm.common.version import __version__

if TYPE_CHECKING:
    from ntm.estimator import NeuralTopicModel

__all__ = ["NeuralTopicModel", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the estimator when it is asked for: serving needs no scikit-learn, and it takes a second."""
    if name == "NeuralTopicModel":
        from ntm.estimator import NeuralTopicModel

        return NeuralTopicModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
