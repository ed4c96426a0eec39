"""Record of a step in an execution."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow

from localcloud.services.sagemaker.common.events import STEP_CHANGED, send

LONGEST_REASON = 3072


@dataclass
class StepRecord:
    """A started step of an execution, for ListPipelineExecutionSteps."""

    definition: Mapping[str, Any]
    execution_arn: str
    start_time: datetime = field(default_factory=utcnow)
    end_time: datetime | None = None
    status: str = "Executing"
    attempts: int = 1
    failure_reason: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    cached_from: str | None = None

    def __post_init__(self) -> None:
        self._announce("Starting")

    def end(self, status: str, failure_reason: str | None = None) -> None:
        """Set the final status."""
        before = self.status
        self.end_time = utcnow()
        self.failure_reason = failure_reason and failure_reason[:LONGEST_REASON]
        self.status = status
        self._announce(before)

    def describe(self, *, stopping: bool) -> dict[str, Any]:
        """Return the members of a ``PipelineExecutionStep``; ``stopping`` refers to the execution."""
        described = {
            "StepName": self.definition["Name"],
            "StepDisplayName": self.definition.get("DisplayName"),
            "StepDescription": self.definition.get("Description"),
            "StartTime": self.start_time,
            "EndTime": self.end_time,
            "StepStatus": "Stopping" if stopping and self.status == "Executing" else self.status,
            "CacheHitResult": self.cached_from and {"SourcePipelineExecutionArn": self.cached_from},
            "AttemptCount": self.attempts,
            "FailureReason": self.failure_reason,
            "Metadata": self.metadata or None,
        }
        return {name: value for name, value in described.items() if value is not None}

    def _announce(self, before: str) -> None:
        pipeline_arn = self.execution_arn.partition("/execution/")[0]
        detail = {
            "metadata": {f"{kind[0].lower()}{kind[1:]}": value for kind, value in self.metadata.items()},
            "stepStartTime": self.start_time,
            "stepEndTime": self.end_time or "",
            "stepName": self.definition["Name"],
            "stepType": self.definition["Type"],
            "previousStepStatus": before,
            "currentStepStatus": self.status,
            "failureReason": self.failure_reason or "",
            "pipelineArn": pipeline_arn,
            "pipelineExecutionArn": self.execution_arn,
        }
        send(STEP_CHANGED, [pipeline_arn, self.execution_arn], detail)
