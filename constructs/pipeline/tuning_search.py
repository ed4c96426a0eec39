"""Search configuration of hyperparameter tuning jobs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from constructs.definition.expressions import Json

Scaling = Literal["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"]
Strategy = Literal["Bayesian", "Random", "Hyperband", "Grid"]


@dataclass(frozen=True, kw_only=True)
class NumberRange:
    """Numeric range.

    Attributes:
        kind: Continuous or integer.
        least: Minimum, as a string.
        greatest: Maximum, as a string.
        scaling: Scaling of the range.
    """

    kind: Literal["Continuous", "Integer"]
    least: str
    greatest: str
    scaling: Scaling

    @property
    def size(self) -> float:
        """Number of different values."""
        return int(self.greatest) - int(self.least) + 1 if self.kind == "Integer" else math.inf

    def to_request(self, name: str) -> Json:
        """Return the JSON of the range for a hyperparameter."""
        return {"Name": name, "MinValue": self.least, "MaxValue": self.greatest, "ScalingType": self.scaling}


@dataclass(frozen=True, kw_only=True)
class ListedValues:
    """Categorical range.

    Attributes:
        values: Values, as strings.
    """

    values: Sequence[str]
    kind: Literal["Categorical"] = "Categorical"

    @property
    def size(self) -> float:
        """Number of different values."""
        return len(self.values)

    def to_request(self, name: str) -> Json:
        """Return the JSON of the range for a hyperparameter."""
        return {"Name": name, "Values": self.values}


TuningRanges = Mapping[str, NumberRange | ListedValues]
"""Ranges by hyperparameter name."""


def combinations(ranges: TuningRanges) -> float:
    """Return the number of combinations of values, infinite if a range is continuous."""
    return math.prod(range_.size for range_ in ranges.values())


@dataclass(frozen=True, kw_only=True)
class TuningSearch:
    """Search strategy, objective, ranges and stopping criteria.

    Attributes:
        strategy: Search strategy.
        objective: Objective metric; losses are minimized, all other metrics maximized.
        ranges: Hyperparameter ranges.
        max_jobs: Maximum number of training jobs; None for grid search, where the ranges determine it.
        parallel_jobs: Maximum number of concurrent training jobs.
        max_runtime_seconds: Time limit of the tuning job; None for SageMaker's limit.
        early_stopping: Whether unpromising training jobs are stopped early.
        min_epochs: Minimum number of epochs with Hyperband.
        max_epochs: Maximum number of epochs with Hyperband.
        target: Value of the objective at which tuning stops.
        jobs_without_improvement: Number of consecutive training jobs without improvement after which tuning stops.
        stop_on_convergence: Whether tuning stops when SageMaker expects no further improvement.
        random_seed: Seed of the search.
    """

    strategy: Strategy
    objective: str
    ranges: TuningRanges
    max_jobs: int | None
    parallel_jobs: int
    max_runtime_seconds: int | None
    early_stopping: bool
    min_epochs: int
    max_epochs: int
    target: float | None
    jobs_without_improvement: int | None
    stop_on_convergence: bool
    random_seed: int

    def to_request(self) -> Json:
        """Return the ``HyperParameterTuningJobConfig``."""
        minimized = self.objective.endswith("_loss")
        config: dict[str, Json] = {
            "Strategy": self.strategy,
            "HyperParameterTuningJobObjective": {
                "Type": "Minimize" if minimized else "Maximize",
                "MetricName": self.objective,
            },
            "ResourceLimits": self._limits(),
            "ParameterRanges": {
                f"{kind}ParameterRanges": [
                    values.to_request(name) for name, values in self.ranges.items() if values.kind == kind
                ]
                for kind in ("Continuous", "Categorical", "Integer")
            },
            "TrainingJobEarlyStoppingType": "Auto" if self.early_stopping else "Off",
            "RandomSeed": self.random_seed,
        }
        if self.strategy == "Hyperband":
            epochs = {"MinResource": self.min_epochs, "MaxResource": self.max_epochs}
            config["StrategyConfig"] = {"HyperbandStrategyConfig": epochs}
        if criteria := self._completion_criteria():
            config["TuningJobCompletionCriteria"] = criteria
        return config

    def _limits(self) -> Json:
        limits: dict[str, Json] = {"MaxParallelTrainingJobs": self.parallel_jobs}
        if self.max_jobs is not None:
            limits["MaxNumberOfTrainingJobs"] = self.max_jobs
        if self.max_runtime_seconds is not None:
            limits["MaxRuntimeInSeconds"] = self.max_runtime_seconds
        return limits

    def _completion_criteria(self) -> dict[str, Json]:
        criteria: dict[str, Json] = {}
        if self.target is not None:
            criteria["TargetObjectiveMetricValue"] = self.target
        if self.jobs_without_improvement is not None:
            criteria["BestObjectiveNotImproving"] = {
                "MaxNumberOfTrainingJobsNotImproving": self.jobs_without_improvement
            }
        if self.stop_on_convergence:
            criteria["ConvergenceDetected"] = {"CompleteOnConvergence": "Enabled"}
        return criteria
