"""Tuning jobs and their trials."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import HyperParameterTrainingJobSummaryTypeDef

_OVER = {"Completed", "Failed", "Stopped"}
# SageMaker names a trial after its tuning job, with a number and eight random characters.
_NUMBER = re.compile(r"-(\d{3,})-[0-9a-f]{8}$")


@dataclass(frozen=True)
class Trial:
    """Training job of a tuning job.

    Attributes:
        status: SageMaker's TrainingJobStatus: InProgress, Completed, Failed, Stopping or Stopped.
        value: Last logged value of the objective, if any.
        hyperparameters: Values of the tuned hyperparameters.
        failure: SageMaker's FailureReason.
    """

    job: str
    status: str
    value: float | None
    hyperparameters: Mapping[str, str]
    started: datetime | None
    ended: datetime | None
    failure: str | None

    @property
    def number(self) -> str:
        """Number of the trial, from the job's name."""
        match = _NUMBER.search(self.job)
        return match[1] if match else self.job

    @property
    def seconds(self) -> float | None:
        """Duration of the trial so far."""
        if self.started is None:
            return None
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()

    def record(self) -> dict[str, object]:
        """Return the trial as ``--json`` prints it."""
        return {
            "number": self.number,
            "job": self.job,
            "status": self.status,
            "objective": self.value,
            "hyperparameters": dict(self.hyperparameters),
            "seconds": self.seconds,
            "failure": self.failure,
        }


@dataclass(frozen=True)
class Tuning:
    """Current state of a tuning job.

    Attributes:
        status: SageMaker's HyperParameterTuningJobStatus.
        objective: Name of the objective metric.
        maximize: Whether a higher value is better.
        max_trials: Maximum number of trials; None if the strategy decides.
        trials: Trials, best first; those without a value come last. Ties are ordered by number.
        failure: SageMaker's FailureReason.
    """

    name: str
    status: str
    objective: str
    maximize: bool
    max_trials: int | None
    trials: tuple[Trial, ...]
    failure: str | None

    @property
    def best(self) -> Trial | None:
        """Best trial; None until a trial has a value."""
        return next((trial for trial in self.trials if trial.value is not None), None)

    @property
    def tuned(self) -> tuple[str, ...]:
        """Names of the tuned hyperparameters."""
        return tuple(sorted({name for trial in self.trials for name in trial.hyperparameters}))

    def record(self) -> dict[str, object]:
        """Return the tuning job as ``--json`` prints it."""
        return {
            "job": self.name,
            "status": self.status,
            "objective": self.objective,
            "maximize": self.maximize,
            "max_trials": self.max_trials,
            "best": self.best.job if self.best else None,
            "failure": self.failure,
            "trials": [trial.record() for trial in self.trials],
        }

    def __str__(self) -> str:
        done = sum(trial.status in _OVER for trial in self.trials)
        count = f"{done}/{self.max_trials or len(self.trials)} trials done"
        if self.best is None or self.best.value is None:
            return count
        values = ", ".join(f"{name} {shown(value)}" for name, value in sorted(self.best.hyperparameters.items()))
        metric = self.objective.removeprefix("validation:")
        return f"{count} · best {metric} {self.best.value:.3f} (trial {self.best.number}: {values})"


def get(sagemaker: "SageMakerClient", name: str) -> Tuning:
    """Return the current state of the tuning job ``name`` and its trials."""
    job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    config = job["HyperParameterTuningJobConfig"]
    objective = config["HyperParameterTuningJobObjective"]
    pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=name
    )
    maximize = objective["Type"] == "Maximize"
    trials = [_trial(summary) for page in pages for summary in page["TrainingJobSummaries"]]
    return Tuning(
        name=name,
        status=job["HyperParameterTuningJobStatus"],
        objective=objective["MetricName"],
        maximize=maximize,
        max_trials=config["ResourceLimits"].get("MaxNumberOfTrainingJobs"),
        trials=tuple(sorted(trials, key=lambda trial: _rank(trial, maximize=maximize))),
        failure=job.get("FailureReason") or None,
    )


def shown(value: str) -> str:
    """Return a hyperparameter's value with three significant digits.

    >>> shown("0.011034827364"), shown("128"), shown("relu")
    ('0.011', '128', 'relu')
    """
    try:
        return value if value.isdigit() else f"{float(value):.3g}"
    except ValueError:
        return value


def _trial(summary: "HyperParameterTrainingJobSummaryTypeDef") -> Trial:
    return Trial(
        job=summary["TrainingJobName"],
        status=summary["TrainingJobStatus"],
        value=summary.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value"),
        hyperparameters=summary["TunedHyperParameters"],
        started=summary.get("TrainingStartTime"),
        ended=summary.get("TrainingEndTime"),
        failure=summary.get("FailureReason") or None,
    )


def _rank(trial: Trial, *, maximize: bool) -> tuple[bool, float, str]:
    value = 0.0 if trial.value is None else trial.value
    return trial.value is None, -value if maximize else value, trial.number
