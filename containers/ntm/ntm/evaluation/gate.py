"""Quality gate: the thresholds that a model must meet.

The pipeline's condition decides, based on the same thresholds and the same ``evaluation.json``; this module explains
the decision.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from ntm.common.errors import InputError

Kind = Literal["at_least", "at_most"]

METRICS, AGAINST_BASELINE = "metrics", "against_baseline"

GATED: Final[Mapping[str, tuple[str, str]]] = {
    **{name: (METRICS, name) for name in ("npmi", "c_v", "topic_uniqueness", "topic_diversity", "perplexity", "wetc")},
    "npmi_over_baseline": (AGAINST_BASELINE, "npmi"),
    "topic_uniqueness_over_baseline": (AGAINST_BASELINE, "topic_uniqueness"),
    "perplexity_to_baseline": (AGAINST_BASELINE, "perplexity"),
}
"""Location in ``evaluation.json`` of the value that a threshold applies to."""


@dataclass(frozen=True)
class Threshold:
    """Limit of one metric.

    Attributes:
        metric: A key of ``GATED``.
        kind: ``at_least`` for a minimum, ``at_most`` for a maximum.
        value: The limit; a metric equal to it passes.
    """

    metric: str
    kind: Kind
    value: float

    @classmethod
    def parse(cls, text: str) -> "Threshold":
        """Parse a threshold such as ``npmi:at_least:0.05``.

        Raises:
            InputError: The text is not a threshold.
        """
        metric, kind, value = ([*text.split(":"), "", ""])[:3]
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if metric not in GATED or kind not in get_args(Kind) or not math.isfinite(number) or text.count(":") > 2:
            raise InputError(
                f"--gate {text!r} is not a threshold; allowed: <metric>:<{'|'.join(get_args(Kind))}>:<number>, where "
                f"<metric> is one of {', '.join(GATED)}."
            )
        return cls(metric, "at_least" if kind == "at_least" else "at_most", number)

    def passes(self, value: float) -> bool:
        """Return True if the value meets the threshold."""
        return value >= self.value if self.kind == "at_least" else value <= self.value


@dataclass(frozen=True)
class Check:
    """Threshold and the value that it was compared with."""

    threshold: Threshold
    value: float

    @property
    def passed(self) -> bool:
        """True if the value meets the threshold."""
        return self.threshold.passes(self.value)

    @property
    def sentence(self) -> str:
        """Explanation of a failed check: the metric, its value and the threshold."""
        section, name = GATED[self.threshold.metric]
        value, limit = (f"{number:.4g}" for number in (self.value, self.threshold.value))
        at_least = self.threshold.kind == "at_least"
        if section == METRICS:
            return f"{name} {value} is {'below' if at_least else 'above'} {limit}"
        bound = "at least" if at_least else "at most"
        if self.threshold.metric.endswith("_to_baseline"):
            return f"{name} is {value} times the LDA baseline; it must be {bound} {limit} times the baseline"
        if self.threshold.value == 0:
            required = f"{bound} equal"
        else:
            required = f"{bound} {abs(self.threshold.value):.4g} {_side(self.threshold.value)} the baseline"
        return f"{name} is {abs(self.value):.4g} {_side(self.value)} the LDA baseline; it must be {required}"


def _side(difference: float) -> str:
    return "above" if difference >= 0 else "below"


@dataclass(frozen=True)
class Verdict:
    """Result of the gate for a model."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """True if all checks passed."""
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """Explanation of the result, without a final full stop: messages that quote it continue the sentence."""
        failed = [check.sentence for check in self.checks if not check.passed]
        if failed:
            return "; ".join(failed)
        return f"{len(self.checks)} of {len(self.checks)} thresholds met" if self.checks else "no thresholds set"


def judge(values: Mapping[str, Mapping[str, float]], thresholds: tuple[Threshold, ...]) -> Verdict:
    """Compare measured values with thresholds.

    Args:
        values: The sections ``metrics`` and ``against_baseline`` of ``evaluation.json``.
        thresholds: The environment's thresholds.

    Raises:
        InputError: A metric has no value, so neither the gate nor the pipeline's condition can compare it.
    """
    checks = []
    for threshold in thresholds:
        section, name = GATED[threshold.metric]
        value = values[section].get(name, math.nan)
        if not math.isfinite(value):
            raise InputError(
                f"The gate has a threshold for {threshold.metric}, which has no value for this model and these "
                "documents. Remove the threshold from the environment's gate or provide more test documents (wetc "
                "needs word vectors)."
            )
        checks.append(Check(threshold, value))
    return Verdict(tuple(checks))
