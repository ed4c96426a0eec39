"""Pipeline executions as DescribePipelineExecution returns them."""

import random
import string
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.models import FakePipeline, FakePipelineExecution

from localcloud.services.cloudwatch.service_metrics import execution_changed
from localcloud.services.sagemaker.common.events import EXECUTION_CHANGED, send
from localcloud.services.sagemaker.pipelines.step_record import StepRecord

_ENDED = ("Succeeded", "Failed", "Stopped")


class LocalPipelineExecution(FakePipelineExecution):
    """Record of a pipeline execution; moto's has succeeded from the start."""

    def __init__(self, pipeline: FakePipeline, **request: Any):
        self.execution_id = "".join(random.choices(string.ascii_lowercase + string.digits, k=12))
        super().__init__(
            pipeline_execution_arn=f"{pipeline.arn}/execution/{self.execution_id}",
            pipeline_definition=pipeline.pipeline_definition,
            **request,
        )
        stamp = int(self.creation_time.timestamp() * 1000)
        self.pipeline_execution_display_name = self.pipeline_execution_display_name or f"execution-{stamp}"
        self.pipeline_execution_status = "Executing"
        self.steps: list[StepRecord] = []
        self.retry_tokens: set[str] = set()
        self.role_arn = pipeline.role_arn
        self._pipeline = pipeline

    @property
    def variables(self) -> dict[str, str]:
        """Values of ``Execution.…``."""
        started = f"{self.start_time:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        return {
            "PipelineArn": self._pipeline.arn,
            "PipelineName": self._pipeline.pipeline_name,
            "PipelineExecutionArn": self.arn,
            "PipelineExecutionId": self.execution_id,
            "StartDateTime": started,
            "CurrentDateTime": started,
        }

    @property
    def fail_step(self) -> str | None:
        """Name of the Fail step that ended the execution, if one did."""
        return next((step.definition["Name"] for step in self.steps if step.definition["Type"] == "Fail"), None)

    def begin_again(self) -> None:
        """Resume after a failure or a stop; steps that did not succeed are forgotten."""
        self.steps = [step for step in self.steps if step.status == "Succeeded"]
        self.set_status("Executing")

    def set_status(self, status: str, failure_reason: str | None = None) -> None:
        """Set the status and send the event."""
        before = self.pipeline_execution_status
        self.pipeline_execution_failure_reason = failure_reason  # type: ignore[assignment]
        self.pipeline_execution_status = status
        self.last_modified_time = utcnow()
        self.announce(before)

    def announce(self, before: str = "") -> None:
        """Send the event for the current status, with the previous one."""
        ended = self.pipeline_execution_status in _ENDED
        detail = {
            "pipelineExecutionDisplayName": self.pipeline_execution_display_name,
            "pipelineExecutionDescription": self.pipeline_execution_description or "",
            "currentPipelineExecutionStatus": self.pipeline_execution_status,
            "previousPipelineExecutionStatus": before,
            "executionStartTime": self.start_time,
            "executionEndTime": self.last_modified_time if ended else "",
            "pipelineArn": self._pipeline.arn,
            "pipelineExecutionArn": self.arn,
        }
        send(EXECUTION_CHANGED, [self._pipeline.arn, self.arn], detail)
        execution_changed(self._pipeline.arn, self.pipeline_execution_status)

    def summary(self) -> dict[str, Any]:
        """Return the members of a ``PipelineExecutionSummary``."""
        described = {
            "PipelineExecutionArn": self.arn,
            "StartTime": self.start_time,
            "PipelineExecutionStatus": self.pipeline_execution_status,
            "PipelineExecutionDescription": self.pipeline_execution_description,
            "PipelineExecutionDisplayName": self.pipeline_execution_display_name,
            "PipelineExecutionFailureReason": self.pipeline_execution_failure_reason,
        }
        return {name: value for name, value in described.items() if value is not None}
