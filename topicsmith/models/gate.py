"""Quality gate of an environment: the thresholds in its deployed pipeline, and checks of a model against them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from topicsmith.core.errors import OperatorError
from topicsmith.runs.evaluation import Check, Evaluation

STEP = "Gate"

Kind = Literal["at_least", "at_most"]

_KINDS: dict[str, Kind] = {"GreaterThanOrEqualTo": "at_least", "LessThanOrEqualTo": "at_most"}

NAMES = {
    "metrics.npmi": "npmi",
    "metrics.c_v": "c_v",
    "metrics.topic_uniqueness": "topic_uniqueness",
    "metrics.topic_diversity": "topic_diversity",
    "metrics.wetc": "wetc",
    "metrics.perplexity": "perplexity",
    "against_baseline.npmi": "npmi_over_baseline",
    "against_baseline.topic_uniqueness": "topic_uniqueness_over_baseline",
    "against_baseline.perplexity": "perplexity_to_baseline",
}
"""Keys of ``gate`` in ``environments/<name>.yaml``, by the path of the metric in ``evaluation.json``."""


@dataclass(frozen=True)
class Threshold:
    """Threshold of a gate.

    Attributes:
        path: Path of the metric in ``evaluation.json``, for example ``metrics.npmi``.
        kind: Direction: ``at_least`` or ``at_most``.
        value: Limit; a metric equal to it passes.
    """

    path: str
    kind: Kind
    value: float

    @property
    def metric(self) -> str:
        """Key of the threshold in the section ``gate`` of the environment's file."""
        return NAMES.get(self.path, self.path)

    def __str__(self) -> str:
        return f"{'at least' if self.kind == 'at_least' else 'at most'} {self.value:g}"


def thresholds(definition: Mapping[str, Any]) -> tuple[Threshold, ...]:
    """Return the thresholds of the gate in a pipeline's definition.

    Raises:
        OperatorError: The pipeline has no gate, or was deployed by an older version of this project.
    """
    step = next((one for one in definition["Steps"] if one["Name"] == STEP), None)
    if step is None:
        raise OperatorError("The deployed pipeline has no gate.", "Deploy the environment again.")
    try:
        return tuple(
            Threshold(
                path=condition["LeftValue"]["Std:JsonGet"]["Path"],
                kind=_KINDS[condition["Type"]],
                value=float(condition["RightValue"]),
            )
            for condition in step["Arguments"]["Conditions"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise OperatorError(
            f"The gate of the deployed pipeline cannot be read: {error!r}.", "Deploy the environment again."
        ) from error


def judge(evaluation: Evaluation, gate: Sequence[Threshold], environment: str) -> tuple[Check, ...]:
    """Check an evaluation against the gate of an environment, which may differ from the one that trained the model.

    Raises:
        OperatorError: The evaluation lacks a metric of the gate.
    """
    return tuple(_check(evaluation, threshold, environment) for threshold in gate)


def _check(evaluation: Evaluation, threshold: Threshold, environment: str) -> Check:
    value = value_at(evaluation, threshold.path)
    if value is None:
        raise OperatorError(
            f"The gate of {environment} needs {threshold.metric}, which the model's evaluation does not contain.",
            "wetc needs evaluation.word_vectors in the environment that trains the model: set it and train again. Or "
            f"remove the threshold from gate in environments/{environment}.yaml and deploy.",
        )
    passed = value >= threshold.value if threshold.kind == "at_least" else value <= threshold.value
    return Check(metric=threshold.metric, value=value, threshold=threshold.value, kind=threshold.kind, passed=passed)


def value_at(evaluation: Evaluation, path: str) -> float | None:
    """Return the number at a path of ``evaluation.json``, for example ``against_baseline.npmi``."""
    value: Any = evaluation.model_dump()
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
