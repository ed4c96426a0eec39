"""The quality gate: which thresholds a model meets.

The pipeline's condition decides, from the same thresholds and the same ``evaluation.json``; here it is said in words.
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
"""Where in ``evaluation.json`` the value lies to which a threshold applies."""


@dataclass(frozen=True)
class Threshold:
    """What the gate asks of one metric.

    Attributes:
        metric: a key of ``GATED``.
        kind: whether more or less is better.
        value: the threshold itself passes.
    """

    metric: str
    kind: Kind
    value: float

    @classmethod
    def parse(cls, text: str) -> "Threshold":
        """Read a threshold like ``npmi:at_least:0.05``.

        Raises:
            InputError: it is not one.
        """
        metric, kind, value = ([*text.split(":"), "", ""])[:3]
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if metric not in GATED or kind not in get_args(Kind) or not math.isfinite(number) or text.count(":") > 2:
            raise InputError(
                f"--gate {text!r} is not a threshold; allowed: <metric>:<{'|'.join(get_args(Kind))}>:<number>, the "
                f"metric one of {', '.join(GATED)}."
            )
        return cls(metric, "at_least" if kind == "at_least" else "at_most", number)

    def passes(self, value: float) -> bool:
        """Tell whether the value is good enough."""
        return value >= self.value if self.kind == "at_least" else value <= self.value


@dataclass(frozen=True)
class Check:
    """What became of a threshold."""

    threshold: Threshold
    value: float

    @property
    def passed(self) -> bool:
        """Whether the value is good enough."""
        return self.threshold.passes(self.value)

    @property
    def sentence(self) -> str:
        """The metric, its value and the threshold, in words."""
        section, name = GATED[self.threshold.metric]
        value, limit = (f"{number:.4g}" for number in (self.value, self.threshold.value))
        at_least = self.threshold.kind == "at_least"
        if section == METRICS:
            return f"{name} {value} is {'below' if at_least else 'above'} {limit}"
        asked = f"{'at least' if at_least else 'at most'} {limit} is asked for"
        if self.threshold.metric.endswith("_to_baseline"):
            return f"{name} is {value} times the baseline's, {asked}"
        way = "above" if self.value >= 0 else "below"
        return f"{name} is {abs(self.value):.4g} {way} the baseline's, a difference of {asked}"


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a model."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """Why the model did not pass, or that it did; without a full stop, as what quotes it goes on after it."""
        failed = [check.sentence for check in self.checks if not check.passed]
        if failed:
            return "; ".join(failed)
        return f"{len(self.checks)} of {len(self.checks)} thresholds are met" if self.checks else "no threshold is set"


def judge(values: Mapping[str, Mapping[str, float]], thresholds: tuple[Threshold, ...]) -> Verdict:
    """Check what was measured.

    Args:
        values: the sections ``metrics`` and ``against_baseline`` of ``evaluation.json``.
        thresholds: what the environment asks for.

    Raises:
        InputError: a metric has no value: neither the gate nor the pipeline's condition can compare it.
    """
    checks = []
    for threshold in thresholds:
        section, name = GATED[threshold.metric]
        value = values[section].get(name, math.nan)
        if not math.isfinite(value):
            raise InputError(
                f"The gate asks for {threshold.metric}, which has no value for this model and these documents: leave "
                "that threshold out of the environment's gate, or give more test documents (wetc needs word vectors)."
            )
        checks.append(Check(threshold, value))
    return Verdict(tuple(checks))
