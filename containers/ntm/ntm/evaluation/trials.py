"""Training jobs of a hyperparameter tuning job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MINIMISED = "total_loss"


@dataclass(frozen=True)
class Trial:
    """Training job of a tuning job.

    Attributes:
        job: Job name.
        status: TrainingJobStatus, such as Completed.
        objective: Final value of the objective metric; None without one.
        hyperparameters: Tuned hyperparameters.
        seconds: Training time; None if the job did not start or has not ended.
    """

    job: str
    status: str
    objective: float | None
    hyperparameters: Mapping[str, str]
    seconds: float | None


@dataclass(frozen=True)
class Tuning:
    """Hyperparameter tuning job.

    Attributes:
        job: Job name.
        metric: Objective metric; empty if no trial has a value.
        minimised: True if lower values are better.
        trials: Training jobs in order of creation.
    """

    job: str
    metric: str
    minimised: bool
    trials: tuple[Trial, ...]


def read_trials(tuning_job: str, region: str) -> Tuning:
    """Read the trials of a tuning job from SageMaker in a region."""
    # Imported here: serving and training share this image and call no AWS service.
    import boto3

    pages = boto3.client("sagemaker", region_name=region).get_paginator(
        "list_training_jobs_for_hyper_parameter_tuning_job"
    )
    found = pages.paginate(HyperParameterTuningJobName=tuning_job, SortBy="CreationTime", SortOrder="Ascending")
    return tuning_of(tuning_job, [summary for page in found for summary in page["TrainingJobSummaries"]])


def tuning_of(tuning_job: str, summaries: Iterable[Mapping[str, Any]]) -> Tuning:
    """Return a tuning job, given the summaries of ListTrainingJobsForHyperParameterTuningJob."""
    trials, metric, goal = [], "", ""
    for summary in summaries:
        objective = summary.get("FinalHyperParameterTuningJobObjectiveMetric", {})
        metric = objective.get("MetricName", metric)
        goal = objective.get("Type", goal)
        start, end = summary.get("TrainingStartTime"), summary.get("TrainingEndTime")
        trials.append(
            Trial(
                summary["TrainingJobName"],
                summary["TrainingJobStatus"],
                float(objective["Value"]) if "Value" in objective else None,
                dict(summary.get("TunedHyperParameters", {})),
                (end - start).total_seconds() if start and end else None,
            )
        )
    # The summaries may lack the goal; of all logged metrics, only the loss is minimised.
    minimised = goal == "Minimize" if goal else metric.endswith(_MINIMISED)
    return Tuning(tuning_job, metric, minimised, tuple(trials))
