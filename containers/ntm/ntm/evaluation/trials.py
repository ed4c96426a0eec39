"""The training jobs of a tuning job, as SageMaker tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MINIMISED = "total_loss"


@dataclass(frozen=True)
class Trial:
    """A training job of a tuning job.

    Attributes:
        job: its name.
        status: such as Completed.
        objective: the metric's last value; None if it has none.
        hyperparameters: those that were tuned.
        seconds: how long it trained; None if it did not begin or has not ended.
    """

    job: str
    status: str
    objective: float | None
    hyperparameters: Mapping[str, str]
    seconds: float | None


@dataclass(frozen=True)
class Tuning:
    """A tuning job.

    Attributes:
        job: its name.
        metric: that it tuned by; empty if no trial has a value.
        minimised: whether less of it is better.
        trials: in the order in which they were created.
    """

    job: str
    metric: str
    minimised: bool
    trials: tuple[Trial, ...]


def read_trials(tuning_job: str) -> Tuning:
    """Ask SageMaker for the trials of a tuning job."""
    # Serving and training, which share this image, call no AWS service.
    import boto3

    pages = boto3.client("sagemaker").get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    found = pages.paginate(HyperParameterTuningJobName=tuning_job, SortBy="CreationTime", SortOrder="Ascending")
    return tuning_of(tuning_job, [summary for page in found for summary in page["TrainingJobSummaries"]])


def tuning_of(tuning_job: str, summaries: Iterable[Mapping[str, Any]]) -> Tuning:
    """Return a tuning job, given what ListTrainingJobsForHyperParameterTuningJob tells of its training jobs."""
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
    # The list need not say what the goal is; of all metrics that are logged, only the loss is minimised.
    minimised = goal == "Minimize" if goal else metric.endswith(_MINIMISED)
    return Tuning(tuning_job, metric, minimised, tuple(trials))
