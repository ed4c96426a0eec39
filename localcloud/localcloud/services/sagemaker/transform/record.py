"""Transform jobs as DescribeTransformJob returns them."""

from datetime import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.models import FakeTransformJob

from localcloud.services.sagemaker.common.events import TRANSFORM_JOB_CHANGED, send_job_change

DEFAULT_PAYLOAD_MB = 6

_ENDED = ("Completed", "Failed", "Stopped")
_LONGEST_REASON = 1024


class LocalTransformJob(FakeTransformJob):
    """Record of a transform job; moto's is complete from the start."""

    def __init__(self, **request: Any):
        super().__init__(**request)
        self.batch_strategy = self.batch_strategy or "MultiRecord"
        self.max_payload_in_mb = DEFAULT_PAYLOAD_MB if self.max_payload_in_mb is None else int(self.max_payload_in_mb)
        self.environment = self.environment or {}
        self.transform_job_status = "InProgress"
        self.failure_reason: str | None = None  # type: ignore[assignment]
        self.labeling_job_arn = self.auto_ml_job_arn = None  # type: ignore[assignment]
        self.transform_start_time: datetime | None = None  # type: ignore[assignment]
        self.transform_end_time: datetime | None = None  # type: ignore[assignment]

    @property
    def ended(self) -> bool:
        """True if the job is over."""
        return self.transform_job_status in _ENDED

    def begin(self) -> None:
        """Record the start of the transform."""
        self.transform_start_time = self.last_modified_time = utcnow()

    def begin_stopping(self) -> None:
        """Set the status ``Stopping``."""
        self.enter("Stopping")

    def enter(self, status: str, failure_reason: str | None = None) -> None:
        """Set the status and send the event."""
        self.last_modified_time = utcnow()
        if status in _ENDED:
            self.transform_end_time = self.last_modified_time
            self.failure_reason = failure_reason and failure_reason[:_LONGEST_REASON]
        self.transform_job_status = status
        self.announce()

    def announce(self) -> None:
        """Send the event for the current status."""
        send_job_change(TRANSFORM_JOB_CHANGED, self.arn, self.response_object)
