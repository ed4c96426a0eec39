"""What a hyperparameter tuning job looks for, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from constructs.definition.expressions import Json

Scaling = Literal["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"]
Strategy = Literal["Bayesian", "Random", "Hyperband", "Grid"]


@dataclass(frozen=True, kw_only=True)
class NumberRange:
    """A hyperparameter that is a number from an interval.

    Attributes:
        kind: whether the number may have a fraction.
        least: the least value, as text.
        greatest: the greatest value, as text.
        scaling: how the values spread over the interval.
    """

    kind: Literal["Continuous", "Integer"]
    least: str
    greatest: str
    scaling: Scaling

    def to_request(self, name: str) -> Json:
        """Return the range of the hyperparameter of this name."""
        return {"Name": name, "MinValue": self.least, "MaxValue": self.greatest, "ScalingType": self.scaling}


@dataclass(frozen=True, kw_only=True)
class ListedValues:
    """A hyperparameter that is one of some values.

    Attributes:
        values: the values, as text.
    """

    values: Sequence[str]
    kind: Literal["Categorical"] = "Categorical"

    def to_request(self, name: str) -> Json:
        """Return the range of the hyperparameter of this name."""
        return {"Name": name, "Values": self.values}


TuningRanges = Mapping[str, NumberRange | ListedValues]
"""The ranges by the names of the hyperparameters."""


@dataclass(frozen=True, kw_only=True)
class TuningSearch:
    """How a tuning job searches, and when it ends.

    Attributes:
        strategy: how the next values are chosen.
        objective: the metric by which training jobs compare; of a loss the least is best, of all else the greatest.
        ranges: where the best values are looked for.
        max_jobs: training jobs at most; none with a grid, which has a number of its own.
        parallel_jobs: training jobs at one time.
        max_runtime_seconds: after which the tuning job is stopped; None for SageMaker's limit.
        early_stopping: whether training jobs are stopped that will not be the best.
        min_epochs: that Hyperband gives every training job.
        max_epochs: that Hyperband gives the best ones.
        target: value of the objective that is good enough.
        jobs_without_improvement: training jobs in a row, none better than the best before, after which it ends.
        stop_on_convergence: whether it ends when SageMaker finds that more jobs will not help.
        random_seed: of the choice of values.
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
