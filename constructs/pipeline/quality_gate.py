"""Quality gate that a model must pass to be registered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from constructs.definition.expressions import Json, at_least, at_most, json_get


@dataclass(frozen=True)
class Check:
    """Metric that can have a threshold.

    Attributes:
        path: Path of the value in ``evaluation.json``.
        kind: Whether the threshold is a minimum or a maximum.
    """

    path: str
    kind: Literal["at_least", "at_most"]


CHECKS = {
    "npmi": Check("metrics.npmi", "at_least"),
    "c_v": Check("metrics.c_v", "at_least"),
    "topic_uniqueness": Check("metrics.topic_uniqueness", "at_least"),
    "topic_diversity": Check("metrics.topic_diversity", "at_least"),
    "wetc": Check("metrics.wetc", "at_least"),
    "perplexity": Check("metrics.perplexity", "at_most"),
    "npmi_over_baseline": Check("against_baseline.npmi", "at_least"),
    "topic_uniqueness_over_baseline": Check("against_baseline.topic_uniqueness", "at_least"),
    "perplexity_to_baseline": Check("against_baseline.perplexity", "at_most"),
}
"""Metrics by threshold name. Conditions have no arithmetic, so the evaluation computes the comparisons with LDA."""


@dataclass(frozen=True, kw_only=True)
class QualityGate:
    """Thresholds of an environment, used by the condition step and explained by the evaluation.

    Attributes:
        thresholds: One or more thresholds by name in ``CHECKS``.
    """

    thresholds: Mapping[str, float]

    def conditions(self, evaluation: Json) -> Sequence[Json]:
        """Return the conditions that a model must meet.

        Args:
            evaluation: Reference to the property file ``evaluation.json``.
        """
        compare = {"at_least": at_least, "at_most": at_most}
        return [
            compare[CHECKS[name].kind](json_get(evaluation, CHECKS[name].path), threshold)
            for name, threshold in self.thresholds.items()
        ]

    def arguments(self) -> Sequence[str]:
        """Return the evaluation's command-line arguments for the thresholds."""
        return [
            argument
            for name, threshold in self.thresholds.items()
            for argument in ("--gate", f"{name}:{CHECKS[name].kind}:{threshold}")
        ]
