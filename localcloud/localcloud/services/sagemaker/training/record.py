"""Training jobs as DescribeTrainingJob returns them."""

from datetime import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.models import FakeTrainingJob

from localcloud.services.sagemaker.common.events import TRAINING_JOB_CHANGED, send_job_change

_ENDED = ("Completed", "Failed", "Stopped")
LONGEST_RUNTIME_SECONDS = 86_400

# Optional members of CreateTrainingJob's request that moto's record requires.
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
# Members that moto's record does not know, for DescribeTrainingJob.
_UNKNOWN_TO_MOTO = (
    "infra_check_config",
    "profiler_config",
    "profiler_rule_configurations",
    "remote_debug_config",
    "retry_strategy",
    "session_chaining_config",
)


class LocalTrainingJob(FakeTrainingJob):
    """Record of a training job.

    moto's record is complete from the start, with a made-up metric; this one starts as ``InProgress``.
    """

    retry_strategy: dict[str, int] | None

    def __init__(self, environment: dict[str, str] | None, tuning_job_arn: str | None = None, **request: Any):
        definitions = request["algorithm_specification"].get("MetricDefinitions")
        for name in _UNKNOWN_TO_MOTO:
            setattr(self, name, request.pop(name, None))
        super().__init__(**{**dict.fromkeys(_OPTIONAL), **dict.fromkeys(_SWITCHES, False), **request})
        self.tuning_job_arn = tuning_job_arn
        # DescribeTrainingJob always returns a key, and the SageMaker SDK relies on it.
        self.output_data_config = {"KmsKeyId": "", **self.output_data_config}
        self.algorithm_specification["MetricDefinitions"] = definitions or []
        self.environment = environment or {}
        self.stopping_condition = {"MaxRuntimeInSeconds": LONGEST_RUNTIME_SECONDS, **(self.stopping_condition or {})}
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
        """Enter a secondary status, which ends the previous one."""
        now = utcnow()
        if self.secondary_status_transitions:
            self.secondary_status_transitions[-1].setdefault("EndTime", now)
        self.secondary_status_transitions.append({"Status": status, "StartTime": now, "StatusMessage": message})
        self.secondary_status = status
        self.last_modified_time = now

    def begin_stopping(self) -> None:
        """Set the status ``Stopping`` and send the event."""
        self.training_job_status = "Stopping"
        self.enter("Stopping", "Stopping the training job")
        self.announce()

    def finish(self, status: str, secondary_status: str, message: str) -> None:
        """Set the final status."""
        self.enter(secondary_status, message)
        self.secondary_status_transitions[-1]["EndTime"] = self.last_modified_time
        if self.training_start_time:
            self.training_end_time = self.last_modified_time
            seconds = max(1, round((self.training_end_time - self.training_start_time).total_seconds()))
            self.training_time_in_seconds = self.billable_time_in_seconds = seconds
        self.training_job_status = status

    @property
    def ended(self) -> bool:
        """True if the job is over."""
        return self.training_job_status in _ENDED

    def announce(self) -> None:
        """Send the event for the current status."""
        send_job_change(TRAINING_JOB_CHANGED, self.arn, self.response_object)
