"""Records of a tuning job and its training jobs, behind DescribeHyperParameterTuningJob."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.models import HyperParameterTuningJob

from localcloud.services.sagemaker.common.events import TUNING_JOB_CHANGED, send_job_change
from localcloud.services.sagemaker.common.job_run import INTERNAL_ERROR
from localcloud.services.sagemaker.training.record import LocalTrainingJob

_ENDED = ("Completed", "Failed", "Stopped")
# Statuses without a member of their own in TrainingJobStatusCounters.
_COUNTED_AS = {"Stopping": "InProgress", "Failed": "NonRetryableError"}


@dataclass
class TrialRecord:
    """A training job of a tuning job.

    Attributes:
        job: The training job.
        tuning_job: Name of the tuning job.
        objective: ``HyperParameterTuningJobObjective``.
        values: Values of the tuned hyperparameters.
    """

    job: LocalTrainingJob
    tuning_job: str
    objective: dict[str, str]
    values: dict[str, str]

    @property
    def value(self) -> float | None:
        """Final value of the objective; None if the job is still running, failed or never reported it."""
        if not self.job.ended or self.job.training_job_status == "Failed":
            return None
        metrics = {metric["MetricName"]: metric["Value"] for metric in self.job.final_metric_data_list}
        return metrics.get(self.objective["MetricName"])

    @property
    def objective_status(self) -> str:
        """``Pending``, ``Succeeded`` or ``Failed``."""
        if not self.job.ended:
            return "Pending"
        return "Failed" if self.value is None else "Succeeded"

    @property
    def counted_as(self) -> str:
        """The member of ``TrainingJobStatusCounters`` that counts this job."""
        status = self.job.training_job_status
        if status == "Failed" and (self.job.failure_reason or "").startswith(INTERNAL_ERROR):
            return "RetryableError"
        return _COUNTED_AS.get(status, status)

    def summary(self) -> dict[str, Any]:
        """Return the job's ``HyperParameterTrainingJobSummary``."""
        job, value = self.job, self.value
        final = {**self.objective, "Value": value}
        return _present(
            {
                "TrainingJobName": job.training_job_name,
                "TrainingJobArn": job.arn,
                "TuningJobName": self.tuning_job,
                "CreationTime": job.creation_time,
                "TrainingStartTime": job.training_start_time,
                "TrainingEndTime": job.training_end_time,
                "TrainingJobStatus": job.training_job_status,
                "TunedHyperParameters": self.values,
                "FailureReason": job.failure_reason,
                "FinalHyperParameterTuningJobObjectiveMetric": None if value is None else final,
                "ObjectiveStatus": self.objective_status,
            }
        )


class LocalTuningJob(HyperParameterTuningJob):
    """Record of a tuning job.

    moto's record is complete from the start, with made-up training jobs; this one starts as ``InProgress``.
    """

    def __init__(self, parents: Iterable[LocalTuningJob] = (), **request: Any):
        super().__init__(training_job_definitions=None, autotune=None, **request)
        self.hyper_parameter_tuning_job_status = "InProgress"
        self.hyper_parameter_tuning_end_time = None  # type: ignore[assignment]
        self.failure_reason: str | None = None  # type: ignore[assignment]
        self.tuning_job_completion_details: dict[str, Any] | None = None  # type: ignore[assignment]
        self.trials: list[TrialRecord] = []
        self._parents = list(parents)

    @property
    def objective(self) -> dict[str, str]:
        """``HyperParameterTuningJobObjective``."""
        return dict(self.hyper_parameter_tuning_job_config["HyperParameterTuningJobObjective"])

    @property
    def is_maximized(self) -> bool:
        """True if the objective is to be maximized."""
        return self.objective["Type"] == "Maximize"

    @property
    def ended(self) -> bool:
        """True if the job is over."""
        return self.hyper_parameter_tuning_job_status in _ENDED

    @property
    def earlier_trials(self) -> list[TrialRecord]:
        """Training jobs of the parent tuning jobs of a warm start."""
        return [trial for parent in self._parents for trial in parent.trials]

    def begin_stopping(self) -> None:
        """Set the status ``Stopping`` and send the event."""
        self.hyper_parameter_tuning_job_status = "Stopping"
        self.last_modified_time = utcnow()
        self.announce()

    def announce(self) -> None:
        """Send the event for the current status."""
        send_job_change(TUNING_JOB_CHANGED, self.arn, self.describe())

    def finish(self, status: str, reason: str | None = None) -> None:
        """Set the final status."""
        self.failure_reason = reason
        self.hyper_parameter_tuning_end_time = self.last_modified_time = utcnow()
        self.hyper_parameter_tuning_job_status = status

    def best(self, trials: Iterable[TrialRecord]) -> TrialRecord | None:
        """Return the trial with the best objective, the earliest one among equals."""
        judged = [(trial, trial.value) for trial in trials]
        known = [(trial, value) for trial, value in judged if value is not None]
        choose = max if self.is_maximized else min
        return choose(known, key=lambda pair: pair[1])[0] if known else None

    def describe(self) -> dict[str, Any]:
        """Return the response of DescribeHyperParameterTuningJob."""
        trials = list(self.trials)
        best = self.best(trials)
        overall = None
        if (self.warm_start_config or {}).get("WarmStartType") == "IdenticalDataAndAlgorithm":
            overall = self.best([*self.earlier_trials, *trials])
        until = self.hyper_parameter_tuning_end_time or utcnow()
        members = {
            **super().describe(),
            **self._counters(trials),
            "BestTrainingJob": best.summary() if best else None,
            "OverallBestTrainingJob": overall.summary() if overall else None,
            "ConsumedResources": {"RuntimeInSeconds": round((until - self.creation_time).total_seconds())},
        }
        return _present(members)

    def summary(self) -> dict[str, Any]:
        """Return the job's ``HyperParameterTuningJobSummary``."""
        return _present({**super().summary(), **self._counters(list(self.trials))})

    def _counters(self, trials: list[TrialRecord]) -> dict[str, dict[str, int]]:
        jobs = Counter(trial.counted_as for trial in trials)
        objectives = Counter(trial.objective_status for trial in trials)
        states = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")
        return {
            "TrainingJobStatusCounters": {state: jobs[state] for state in states},
            "ObjectiveStatusCounters": {state: objectives[state] for state in ("Succeeded", "Pending", "Failed")},
        }


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
