"""SageMaker's API of hyperparameter tuning jobs, as far as moto lacks it."""

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.responses import SageMakerResponse

from localcloud.services.sagemaker.tuning.backend import TuningJobs
from localcloud.services.sagemaker.tuning.record import TrialRecord

_LARGEST_PAGE = 100


class TuningResponses(SageMakerResponse):
    """Operations on tuning jobs."""

    @property
    def _tuning_jobs(self) -> TuningJobs:
        backend: Any = self.sagemaker_backend
        assert isinstance(backend, TuningJobs)
        return backend

    def stop_hyper_parameter_tuning_job(self) -> ActionResult:
        """Handle StopHyperParameterTuningJob."""
        self._tuning_jobs.stop_hyper_parameter_tuning_job(self._get_param("HyperParameterTuningJobName"))
        return EmptyResult()

    def list_training_jobs_for_hyper_parameter_tuning_job(self) -> ActionResult:
        """Handle ListTrainingJobsForHyperParameterTuningJob."""
        job = self._tuning_jobs.tuning_job(self._get_param("HyperParameterTuningJobName"))
        status = self._get_param("StatusEquals")
        trials = [trial for trial in job.trials if status in (None, trial.job.training_job_status)]
        trials = _sorted(trials, self._get_param("SortBy", "Name"))
        if self._get_param("SortOrder") == "Descending":
            trials.reverse()
        start = int(self._get_param("NextToken") or 0)
        end = start + int(self._get_param("MaxResults") or _LARGEST_PAGE)
        return ActionResult(
            {
                "TrainingJobSummaries": [trial.summary() for trial in trials[start:end]],
                "NextToken": str(end) if end < len(trials) else None,
            }
        )


def _sorted(trials: list[TrialRecord], by: str) -> list[TrialRecord]:
    if by == "FinalObjectiveMetricValue":  # Jobs without a value are not listed.
        judged = [(value, trial) for trial in trials if (value := trial.value) is not None]
        return [trial for _, trial in sorted(judged, key=lambda pair: pair[0])]
    keys: dict[str, Callable[[TrialRecord], Any]] = {
        "Name": lambda trial: trial.job.training_job_name,
        "CreationTime": lambda trial: trial.job.creation_time,
        "Status": lambda trial: trial.job.training_job_status,
    }
    return sorted(trials, key=keys[by])
