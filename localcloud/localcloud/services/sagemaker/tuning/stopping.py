"""When a trial is stopped early, and when a tuning job has tried enough."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow

# Early stopping judges when this many jobs are there to compare with.
_FEWEST_TO_COMPARE = 2
# SageMaker does not tell its rule of convergence; here it is reached when the last jobs improved the best value before
# them by no more than this part of it.
_CONVERGED = 1e-3
_FEWEST_FOR_CONVERGENCE = 5

Curve = Mapping[int, float]
"""The objective by epoch."""


def is_hopeless(curve: Curve, others: Sequence[Curve], *, maximize: bool) -> bool:
    """Whether a running job's latest value is worse than what the others averaged until then, at their median.

    The rule is that of https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-early-stopping.html.

    Args:
        curve: of the job, up to now.
        others: of the jobs that are completed.
        maximize: whether the objective is to be high.
    """
    epoch = max(curve)
    until_now = [[value for at, value in other.items() if at <= epoch] for other in others]
    averages = [statistics.fmean(values) for values in until_now if values]
    if len(averages) < _FEWEST_TO_COMPARE:
        return False
    median = statistics.median(averages)
    return curve[epoch] < median if maximize else curve[epoch] > median


@dataclass
class Completion:
    """What ends a tuning job before all its training jobs are made.

    Attributes:
        config: ``HyperParameterTuningJobConfig`` of the request.
        jobs: how many training jobs it may make.
        not_improving: jobs that ended since the best one.
        converged_at: when convergence was seen.
    """

    config: Mapping[str, Any]
    jobs: int
    not_improving: int = 0
    converged_at: datetime | None = None
    _best: list[float] = field(default_factory=list, init=False)
    _deadline: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        limit = self.config["ResourceLimits"].get("MaxRuntimeInSeconds")
        self._deadline = time.monotonic() + limit if limit else None

    @property
    def seconds_left(self) -> float | None:
        """Until the longest runtime is over; ``None`` where there is none."""
        return None if self._deadline is None else self._deadline - time.monotonic()

    def add(self, objective: float | None) -> None:
        """Take the objective of the next job that ended, ``None`` if it has none."""
        if objective is None:
            self.not_improving += bool(self._best)
            return
        value = self._sign * objective
        is_better = not self._best or value < self._best[-1]
        self.not_improving = 0 if is_better else self.not_improving + 1
        self._best.append(value if is_better else self._best[-1])
        if self.converged_at is None and self._has_converged():
            self.converged_at = utcnow()

    @property
    def reached(self) -> bool:
        """Whether it is time to end."""
        criteria = self.config.get("TuningJobCompletionCriteria") or {}
        target = criteria.get("TargetObjectiveMetricValue")
        patience = (criteria.get("BestObjectiveNotImproving") or {}).get("MaxNumberOfTrainingJobsNotImproving")
        on_convergence = (criteria.get("ConvergenceDetected") or {}).get("CompleteOnConvergence") == "Enabled"
        return (
            (self.seconds_left is not None and self.seconds_left <= 0)
            or (target is not None and bool(self._best) and self._best[-1] <= self._sign * target)
            or (patience is not None and self.not_improving >= patience)
            or (on_convergence and self.converged_at is not None)
        )

    def _has_converged(self) -> bool:
        window = max(_FEWEST_FOR_CONVERGENCE, self.jobs // 4)
        if len(self._best) <= window:
            return False
        before, now = self._best[-window - 1], self._best[-1]
        return before - now <= _CONVERGED * abs(before)

    @property
    def _sign(self) -> int:
        return -1 if self.config["HyperParameterTuningJobObjective"]["Type"] == "Maximize" else 1
