"""A person's decision on a model, as EventBridge tells it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NotRequired, TypedDict


class ModelPackageDetail(TypedDict):
    """What is used of the event's detail."""

    ModelPackageArn: str
    ModelApprovalStatus: str
    UpdatedModelPackageFields: NotRequired[list[str]]


class ModelPackageStateChange(TypedDict):
    """EventBridge's «SageMaker Model Package State Change».

    See https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html.
    """

    id: str
    time: str
    detail: ModelPackageDetail


@dataclass(frozen=True)
class Decision:
    """An approval or a rejection.

    Attributes:
        event: the event's id; an event that is delivered twice has the same one.
        made: when it was made.
        model_package: the model's ARN.
        status: Approved or Rejected.
        is_new: whether the approval is what changed; a new description of an approved model is told as well.
    """

    event: str
    made: datetime
    model_package: str
    status: str
    is_new: bool

    @classmethod
    def from_event(cls, event: ModelPackageStateChange) -> Decision:
        """Read the event."""
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
        """The model's version in its group."""
        return version_of(self.model_package)

    def within_second(self, changed: datetime) -> Decision:
        """Return the decision with the moment at which the model was changed, if it is that of this decision.

        Events tell whole seconds; the registry tells more, but of the last change only, which may be a later one.
        """
        return replace(self, made=changed) if 0 <= (changed - self.made).total_seconds() < 1 else self


def version_of(model_package: str) -> int:
    """Return the version that a model package's ARN names."""
    return int(model_package.rpartition("/")[2])


def with_version(model_package: str, version: int) -> str:
    """Return the ARN of another version in the same group."""
    return f"{model_package.rpartition('/')[0]}/{version}"
