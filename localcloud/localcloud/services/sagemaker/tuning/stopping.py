"""Early stopping of trials, and completion criteria of tuning jobs."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow

# Early stopping needs this many finished jobs to compare with.
_FEWEST_TO_COMPARE = 2
# SageMaker does not document its convergence rule; here a job has converged when its latest training jobs improved the
# best earlier value by no more than this fraction.
_CONVERGED = 1e-3
_FEWEST_FOR_CONVERGENCE = 5

Curve = Mapping[int, float]
"""The objective by epoch."""


def is_hopeless(curve: Curve, others: Sequence[Curve], *, maximize: bool) -> bool:
    """Return True if a running job's latest value is worse than the median of the other jobs' averages up to its epoch.

    Rule: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-early-stopping.html.

    Args:
        curve: Curve of the job so far.
        others: Curves of the completed jobs.
        maximize: The objective is maximized.
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
    """Completion criteria of a tuning job.

    Attributes:
        config: ``HyperParameterTuningJobConfig`` of the request.
        jobs: Maximum number of training jobs.
        not_improving: Number of jobs that ended since the best one.
        converged_at: Time at which convergence was detected.
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
        """Seconds until the maximum runtime; None without a limit."""
        return None if self._deadline is None else self._deadline - time.monotonic()

    def add(self, objective: float | None) -> None:
        """Record the objective of the next finished job, None if it has none."""
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
        """True if a criterion is met."""
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
