"""Whether an endpoint that was deployed works."""

import math
import time
from dataclasses import dataclass

from topicsmith.core.aws import Clients
from topicsmith.core.errors import OperatorError
from topicsmith.serving import inference
from topicsmith.serving.inference import Prediction, Target
from topicsmith.serving.serving import Endpoint

# Words that a model knows, that it hardly knows, and letters beyond ASCII: any text has topics.
_TEXTS = ("Starts a virtual machine and attaches a disk to it.", "zzyzx", "Größe, 東京, naïve")
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Answer:
    """How a variant answered.

    Attributes:
        variant: its name.
        topics: the number of topics of its model.
        milliseconds: how long it took, this machine's way to it included.
    """

    variant: str
    topics: int
    milliseconds: int

    def record(self) -> dict[str, object]:
        """Return it as ``--json`` prints it."""
        return {"variant": self.variant, "topics": self.topics, "milliseconds": self.milliseconds}


def ask_each_variant(clients: Clients, endpoint: Endpoint) -> list[Answer]:
    """Return how each production variant answers some texts.

    Raises:
        OperatorError: one does not answer, or not with topics.
    """
    return [_ask(clients, endpoint.name, variant) for variant in endpoint.variants]


def _ask(clients: Clients, endpoint: str, variant: str) -> Answer:
    began = time.monotonic()
    predictions = list(inference.predictions(clients.runtime, Target(endpoint, variant=variant), _TEXTS))
    milliseconds = round((time.monotonic() - began) * 1000)
    sizes = {len(prediction.topic_weights) for prediction in predictions}
    if len(sizes) != 1 or not all(map(_is_mixture, predictions)):
        raise OperatorError(
            f"Variant {variant} of endpoint {endpoint} does not answer with topics: weights must be 0 or more and sum "
            f"to 1, as many of them for each text, and are {[one.topic_weights for one in predictions]}.",
            f"Its log: /aws/sagemaker/Endpoints/{endpoint}",
        )
    return Answer(variant, sizes.pop(), milliseconds)


def _is_mixture(prediction: Prediction) -> bool:
    weights = prediction.topic_weights
    return min(weights, default=-1) >= 0 and math.isclose(sum(weights), 1, abs_tol=_TOLERANCE)
