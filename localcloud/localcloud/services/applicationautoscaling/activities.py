"""Scaling activities of Application Auto Scaling.

See https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scaling-activities.html.
"""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass
class Activity:
    """A change of capacity, or the reason that there was none.

    Attributes:
        description: The intended change.
        cause: The reason for the change.
        details: The numbers behind the cause.
        status: ``InProgress``, ``Successful`` or ``Failed``; ``Unfulfilled`` if nothing had to change.
        not_scaled: The reasons why nothing changed, as ``NotScaledReasons``.
    """

    service_namespace: str
    resource_id: str
    dimension: str
    description: str
    cause: str
    details: str
    status: str = "InProgress"
    message: str = ""
    not_scaled: list[dict[str, Any]] = field(default_factory=list)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    end: datetime | None = None

    def finish(self, status: str, message: str) -> None:
        """Record the end."""
        self.end = datetime.now(UTC)
        self.message = message
        self.status = status

    def describe(self) -> dict[str, Any]:
        """Return the activity in the form of DescribeScalingActivities."""
        described = {
            "ActivityId": self.id,
            "ServiceNamespace": self.service_namespace,
            "ResourceId": self.resource_id,
            "ScalableDimension": self.dimension,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": self.start.timestamp(),
            "EndTime": self.end.timestamp() if self.end else None,
            "StatusCode": self.status,
            "StatusMessage": self.message or None,
            "Details": self.details or None,
            "NotScaledReasons": self.not_scaled or None,
        }
        return {name: value for name, value in described.items() if value is not None}
