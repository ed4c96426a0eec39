"""Approval decisions, parsed from EventBridge events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NotRequired, TypedDict


class ModelPackageDetail(TypedDict):
    """Detail of the event, with the keys in use."""

    ModelPackageArn: str
    ModelApprovalStatus: str
    UpdatedModelPackageFields: NotRequired[list[str]]


class ModelPackageStateChange(TypedDict):
    """EventBridge event "SageMaker Model Package State Change".

    See https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html.
    """

    id: str
    time: str
    detail: ModelPackageDetail


@dataclass(frozen=True)
class Decision:
    """Approval or rejection of a model package.

    Attributes:
        event: ID of the event, the same for every delivery of it.
        made: Time of the decision.
        model_package: ARN of the model package.
        status: ``Approved`` or ``Rejected``.
        is_new: Whether the approval status changed; SageMaker also sends events for other changes.
    """

    event: str
    made: datetime
    model_package: str
    status: str
    is_new: bool

    @classmethod
    def from_event(cls, event: ModelPackageStateChange) -> Decision:
        """Return the decision that an event describes."""
        detail = event["detail"]
        return cls(
            event=event["id"],
            made=datetime.fromisoformat(event["time"]),
            model_package=detail["ModelPackageArn"],
            status=detail["ModelApprovalStatus"],
            is_new="ModelApprovalStatus" in detail.get("UpdatedModelPackageFields", ["ModelApprovalStatus"]),
        )

    @property
    def version(self) -> int:
        """Version of the model package in its group."""
        return version_of(self.model_package)

    def within_second(self, changed: datetime) -> Decision:
        """Return the decision with the registry's more precise time, if that time belongs to this decision.

        Events carry whole seconds. The registry is more precise but only knows the last change, which may be a later
        one.
        """
        return replace(self, made=changed) if 0 <= (changed - self.made).total_seconds() < 1 else self


def version_of(model_package: str) -> int:
    """Return the version in a model package's ARN."""
    return int(model_package.rpartition("/")[2])


def with_version(model_package: str, version: int) -> str:
    """Return the ARN of another version in the same group."""
    return f"{model_package.rpartition('/')[0]}/{version}"
