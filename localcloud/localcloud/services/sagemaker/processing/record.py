"""Processing jobs as DescribeProcessingJob returns them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.models import FakeProcessingJob

from localcloud.services.sagemaker.common.events import PROCESSING_JOB_CHANGED, send_job_change

_ENDED = ("Completed", "Failed", "Stopped")
_LONGEST_REASON = 1024
_DEFAULT_SECONDS = 86_400


class LocalProcessingJob(FakeProcessingJob):
    """Record of a processing job; moto's is complete from the start."""

    def __init__(
        self,
        processing_resources: Mapping[str, Any],
        environment: Mapping[str, str] | None,
        stopping_condition: Mapping[str, int] | None,
        **request: Any,
    ):
        super().__init__(
            stopping_condition={"MaxRuntimeInSeconds": _DEFAULT_SECONDS, **(stopping_condition or {})}, **request
        )
        self.processing_resources = processing_resources
        self.environment = environment or {}
        self.processing_job_status = "InProgress"
        self.processing_start_time: datetime | None = None
        self.processing_end_time: datetime | None = None  # type: ignore[assignment]
        self.exit_message: str | None = None
        self.failure_reason: str | None = None

    @property
    def ended(self) -> bool:
        """True if the job is over."""
        return self.processing_job_status in _ENDED

    def begin(self) -> None:
        """Record the start of its containers."""
        self.processing_start_time = self.last_modified_time = utcnow()

    def begin_stopping(self) -> None:
        """Set the status ``Stopping``."""
        self.enter("Stopping")

    def enter(self, status: str, failure_reason: str | None = None) -> None:
        """Set the status and send the event."""
        self.last_modified_time = utcnow()
        if status in _ENDED:
            self.processing_end_time = self.last_modified_time
            self.failure_reason = failure_reason and failure_reason[:_LONGEST_REASON]
        self.processing_job_status = status
        self.announce()

    def announce(self) -> None:
        """Send the event for the current status."""
        send_job_change(PROCESSING_JOB_CHANGED, self.arn, self.response_object)
