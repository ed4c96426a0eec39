"""Training jobs: moto keeps the record and a process does the work."""

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ResourceInUseException, ValidationError
from moto.sagemaker.models import FakeTrainingJob, SageMakerModelBackend

from localcloud.core.role_sessions import SAGEMAKER, AccessDenied, assume_role
from localcloud.services.sagemaker.common.events import TRAINING_JOB_CHANGED, send_job_change
from localcloud.services.sagemaker.training.checkpoints import CheckpointPathError, checkpoint_directory
from localcloud.services.sagemaker.training.run import TrainingRun, Watch

_ENDED = ("Completed", "Failed", "Stopped")
_LONGEST_RUNTIME = 86_400

# Members of CreateTrainingJob's request that moto's record wants to have although they may be left out.
_OPTIONAL = (
    "hyper_parameters",
    "input_data_config",
    "vpc_config",
    "stopping_condition",
    "tags",
    "checkpoint_config",
    "debug_hook_config",
    "debug_rule_configurations",
    "tensor_board_output_config",
    "experiment_config",
)
_SWITCHES = (
    "enable_network_isolation",
    "enable_inter_container_traffic_encryption",
    "enable_managed_spot_training",
)
# Members that moto's record does not know; DescribeTrainingJob tells them again.
_UNKNOWN_TO_MOTO = (
    "infra_check_config",
    "profiler_config",
    "profiler_rule_configurations",
    "remote_debug_config",
    "retry_strategy",
    "session_chaining_config",
)


class LocalTrainingJob(FakeTrainingJob):
    """The record of a training job, as DescribeTrainingJob tells it.

    moto's record is born complete, with a metric that never was; this one begins at ``InProgress``.
    """

    retry_strategy: dict[str, int] | None

    def __init__(self, environment: dict[str, str] | None, tuning_job_arn: str | None = None, **request: Any):
        definitions = request["algorithm_specification"].get("MetricDefinitions")
        for name in _UNKNOWN_TO_MOTO:
            setattr(self, name, request.pop(name, None))
        super().__init__(**{**dict.fromkeys(_OPTIONAL), **dict.fromkeys(_SWITCHES, False), **request})
        self.tuning_job_arn = tuning_job_arn
        # DescribeTrainingJob tells a key in any case, and the SageMaker SDK relies on it.
        self.output_data_config = {"KmsKeyId": "", **self.output_data_config}
        self.algorithm_specification["MetricDefinitions"] = definitions or []
        self.environment = environment or {}
        self.stopping_condition = {"MaxRuntimeInSeconds": _LONGEST_RUNTIME, **(self.stopping_condition or {})}
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

    def begin_stopping(self) -> None:
        """Set the status of a job that was asked to stop, and tell EventBridge."""
        self.training_job_status = "Stopping"
        self.enter("Stopping", "Stopping the training job")
        self.announce()

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

    def announce(self) -> None:
        """Tell EventBridge how it is."""
        send_job_change(TRAINING_JOB_CHANGED, self.arn, self.response_object)


def check_spot(request: Mapping[str, Any]) -> None:
    """Check the longest times of a request for a training job.

    Raises:
        ValidationError: there is a longest wait without spot instances, or with them none that is long enough.
    """
    condition = request.get("stopping_condition") or {}
    longest_wait = condition.get("MaxWaitTimeInSeconds")
    if not request.get("enable_managed_spot_training"):
        if longest_wait is not None:
            raise ValidationError("MaxWaitTimeInSeconds is for managed spot training: set EnableManagedSpotTraining.")
    elif longest_wait is None or longest_wait < condition.get("MaxRuntimeInSeconds", _LONGEST_RUNTIME):
        raise ValidationError(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds "
            "when EnableManagedSpotTraining is true."
        )


class TrainingJobs(SageMakerModelBackend):
    """SageMaker's training jobs."""

    training_jobs: dict[str, LocalTrainingJob]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._training_runs: dict[str, TrainingRun] = {}

    def create_training_job(  # type: ignore[override]
        self,
        training_job_name: str,
        role_arn: str,
        environment: dict[str, str] | None = None,
        *,
        watch: Watch | None = None,
        **request: Any,
    ) -> LocalTrainingJob:
        """Start a training job.

        Raises:
            ResourceInUseException: a job of that name exists.
            ValidationError: SageMaker may not assume the role, or the request contradicts itself.
        """
        if training_job_name in self.training_jobs:
            arn = self.training_jobs[training_job_name].arn
            raise ResourceInUseException(
                "Training job names must be unique within an AWS account and region, "
                f"and a training job with this name already exists ({arn})"
            )
        check_spot(request)
        try:
            if request.get("checkpoint_config"):
                checkpoint_directory(request["checkpoint_config"])
            session = assume_role(role_arn, SAGEMAKER, training_job_name, self.region_name)
        except (AccessDenied, CheckpointPathError) as denial:
            raise ValidationError(str(denial)) from denial
        job = LocalTrainingJob(
            environment,
            account_id=self.account_id,
            region_name=self.region_name,
            training_job_name=training_job_name,
            role_arn=role_arn,
            **request,
        )
        run = TrainingRun(job, session, watch or Watch())
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
