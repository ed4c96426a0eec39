"""Test of a deployed endpoint."""

import math
import time
from dataclasses import dataclass

from topicsmith.core.aws import Clients
from topicsmith.core.errors import OperatorError
from topicsmith.serving import inference
from topicsmith.serving.inference import Prediction, Target
from topicsmith.serving.serving import Endpoint

# Known words, unknown words, and characters beyond ASCII: each text must get topics.
_TEXTS = ("Starts a virtual machine and attaches a disk to it.", "zzyzx", "Größe, 東京, naïve")
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Answer:
    """Response of a variant.

    Attributes:
        variant: Name of the variant.
        topics: Number of topics of its model.
        milliseconds: Duration of the request, including the network.
    """

    variant: str
    topics: int
    milliseconds: int

    def record(self) -> dict[str, object]:
        """Return the answer as ``--json`` prints it."""
        return {"variant": self.variant, "topics": self.topics, "milliseconds": self.milliseconds}


def ask_each_variant(clients: Clients, endpoint: Endpoint) -> list[Answer]:
    """Send sample texts to each production variant and return the answers.

    Raises:
        OperatorError: A variant does not answer, or returns invalid topic weights.
    """
    return [_ask(clients, endpoint.name, variant) for variant in endpoint.variants]


def _ask(clients: Clients, endpoint: str, variant: str) -> Answer:
    began = time.monotonic()
    predictions = list(inference.predictions(clients.runtime, Target(endpoint, variant=variant), _TEXTS))
    milliseconds = round((time.monotonic() - began) * 1000)
    sizes = {len(prediction.topic_weights) for prediction in predictions}
    if len(sizes) != 1 or not all(map(_is_mixture, predictions)):
        raise OperatorError(
            f"Variant {variant} of endpoint {endpoint} returned invalid topic weights: each text needs the same "
            f"number of non-negative weights that sum to 1, but got {[one.topic_weights for one in predictions]}.",
            f"Log: /aws/sagemaker/Endpoints/{endpoint}",
        )
    return Answer(variant, sizes.pop(), milliseconds)


def _is_mixture(prediction: Prediction) -> bool:
    weights = prediction.topic_weights
    return min(weights, default=-1) >= 0 and math.isclose(sum(weights), 1, abs_tol=_TOLERANCE)
