"""Training jobs: moto keeps the record and a process does the work."""

import threading
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ResourceInUseException, ValidationError
from moto.sagemaker.models import FakeTrainingJob, SageMakerModelBackend

from topicsmith.local.identity import SAGEMAKER, AccessDenied, assume_role
from topicsmith.local.training_run import TrainingRun

_ENDED = ("Completed", "Failed", "Stopped")


class LocalTrainingJob(FakeTrainingJob):
    """The record of a training job, as DescribeTrainingJob tells it.

    moto's record is born complete, with a metric that never was; this one begins at ``InProgress``.
    """

    def __init__(self, environment: dict[str, str] | None, **request: Any):
        definitions = request["algorithm_specification"].get("MetricDefinitions")
        super().__init__(**request)
        self.algorithm_specification["MetricDefinitions"] = definitions or []
        self.environment = environment or {}
        self.stopping_condition = {"MaxRuntimeInSeconds": 86400, **(self.stopping_condition or {})}
        self.training_job_status = "InProgress"
        self.secondary_status = "Starting"
        self.secondary_status_transitions: list[dict[str, Any]] = []
        self.final_metric_data_list: list[dict[str, Any]] = []
        self.model_artifacts: dict[str, str] | None = None  # type: ignore[assignment]
        self.training_start_time: datetime | None = None  # type: ignore[assignment]
        self.training_end_time: datetime | None = None  # type: ignore[assignment]
        self.training_time_in_seconds: int | None = None
        self.billable_time_in_seconds: int | None = None
        self.failure_reason: str | None = None
        self.enter("Starting", "Starting the training job")

    def enter(self, status: str, message: str) -> None:
        """Go to a secondary status; the one before it ends now."""
        now = utcnow()
        if self.secondary_status_transitions:
            self.secondary_status_transitions[-1].setdefault("EndTime", now)
        self.secondary_status_transitions.append({"Status": status, "StartTime": now, "StatusMessage": message})
        self.secondary_status = status
        self.last_modified_time = now

    def finish(self, status: str, secondary_status: str, message: str) -> None:
        """Set the last status of the job."""
        self.enter(secondary_status, message)
        self.secondary_status_transitions[-1]["EndTime"] = self.last_modified_time
        if self.training_start_time:
            self.training_end_time = self.last_modified_time
            seconds = max(1, round((self.training_end_time - self.training_start_time).total_seconds()))
            self.training_time_in_seconds = self.billable_time_in_seconds = seconds
        self.training_job_status = status

    @property
    def ended(self) -> bool:
        """Whether the job is over."""
        return self.training_job_status in _ENDED


class TrainingJobs(SageMakerModelBackend):
    """SageMaker's training jobs."""

    training_jobs: dict[str, LocalTrainingJob]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._training_runs: dict[str, TrainingRun] = {}

    def create_training_job(  # type: ignore[override]
        self, training_job_name: str, role_arn: str, environment: dict[str, str] | None = None, **request: Any
    ) -> LocalTrainingJob:
        """Start a training job.

        Raises:
            ResourceInUseException: a job of that name exists.
            ValidationError: SageMaker may not assume the role.
        """
        if training_job_name in self.training_jobs:
            arn = self.training_jobs[training_job_name].arn
            raise ResourceInUseException(
                "Training job names must be unique within an AWS account and region, "
                f"and a training job with this name already exists ({arn})"
            )
        try:
            session = assume_role(role_arn, SAGEMAKER, training_job_name, self.region_name)
        except AccessDenied as denial:
            raise ValidationError(str(denial)) from denial
        job = LocalTrainingJob(
            environment,
            account_id=self.account_id,
            region_name=self.region_name,
            training_job_name=training_job_name,
            role_arn=role_arn,
            **request,
        )
        run = TrainingRun(job, session)
        self.training_jobs[training_job_name] = job
        self._training_runs[training_job_name] = run
        threading.Thread(target=run.run, name=training_job_name, daemon=True).start()
        return job

    def stop_training_job(self, training_job_name: str) -> None:
        """Ask a training job to stop; its status becomes ``Stopping`` and then ``Stopped``.

        Raises:
            ValidationError: there is no such job, or it is over.
        """
        self.describe_training_job(training_job_name)
        job = self.training_jobs[training_job_name]
        if job.ended:
            raise ValidationError(
                f"The request was rejected because the training job is in status {job.training_job_status}."
            )
        self._training_runs[training_job_name].request_stop()
