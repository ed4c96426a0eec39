"""The thresholds that a model must reach before it is registered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from constructs.definition.expressions import Json, at_least, at_most, json_get


@dataclass(frozen=True)
class Check:
    """A value that has a threshold.

    Attributes:
        path: the value in ``evaluation.json``.
        kind: which side of the threshold is good.
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
"""What can have a threshold; conditions know no arithmetic, so the evaluation compares with the baseline."""


@dataclass(frozen=True, kw_only=True)
class QualityGate:
    """The thresholds of an environment, for the condition that decides and for the evaluation that explains.

    Attributes:
        thresholds: by the names of ``CHECKS``; at least one.
    """

    thresholds: Mapping[str, float]

    def conditions(self, evaluation: Json) -> Sequence[Json]:
        """Return the conditions under which a model passes.

        Args:
            evaluation: the property file ``evaluation.json``.
        """
        compare = {"at_least": at_least, "at_most": at_most}
        return [
            compare[CHECKS[name].kind](json_get(evaluation, CHECKS[name].path), threshold)
            for name, threshold in self.thresholds.items()
        ]

    def arguments(self) -> Sequence[str]:
        """Return the arguments that tell the evaluation the thresholds."""
        return [
            argument
            for name, threshold in self.thresholds.items()
            for argument in ("--gate", f"{name}:{CHECKS[name].kind}:{threshold}")
        ]
