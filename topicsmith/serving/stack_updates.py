"""Past updates of a stack, from CloudFormation's events, which are kept for 90 days and contain the update's token."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

# Token of the updates made by the function that deploys approved models.
_TOKEN = re.compile(r"model-(\d+)-.+")
_NO_REASON = "no reason given"


@dataclass(frozen=True)
class Update:
    """Update of a stack.

    Attributes:
        version: Approved model version that it deploys; None for any other update.
        status: Status of the stack at the end of the update, or the latest one.
        failure: Resource that failed first, and the reason.
    """

    version: int | None
    status: str
    failure: str | None

    @property
    def is_over(self) -> bool:
        """True once the update has finished."""
        return not self.status.endswith("_IN_PROGRESS")

    @property
    def succeeded(self) -> bool:
        """True if the update succeeded; the clean-up of replaced resources may still be running."""
        return self.status in {"UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"}

    @property
    def failed(self) -> bool:
        """True if the update has finished without success."""
        return self.is_over and not self.succeeded


def last_event(cloudformation: "CloudFormationClient", stack: str) -> str | None:
    """Return the id of the latest event of a stack."""
    event = next(_events(cloudformation, stack), None)
    return event["EventId"] if event else None


def updates(cloudformation: "CloudFormationClient", stack: str, since: str | None = None) -> list[Update]:
    """Return the updates of a stack, latest first.

    Args:
        cloudformation: CloudFormation client.
        stack: Name of the stack.
        since: ID of an event; updates that ended before it are omitted.
    """
    operations: dict[str, list[StackEventTypeDef]] = {}
    for event in _events(cloudformation, stack):
        if event["EventId"] == since:
            break
        operations.setdefault(event.get("ClientRequestToken", ""), []).append(event)
    return [_update(token, events) for token, events in operations.items()]


def _events(cloudformation: "CloudFormationClient", stack: str) -> "Iterator[StackEventTypeDef]":
    """Yield the events of a stack, latest first."""
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack):
        yield from page["StackEvents"]


def _update(token: str, events: "list[StackEventTypeDef]") -> Update:
    found = _TOKEN.fullmatch(token)
    own = [event.get("ResourceStatus", "") for event in events if event.get("PhysicalResourceId") == event["StackId"]]
    # The first failure is the cause; later ones are consequences.
    failures = [
        f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason', _NO_REASON)}"
        for event in reversed(events)
        if event.get("ResourceStatus", "").endswith("_FAILED")
    ]
    return Update(
        version=int(found[1]) if found else None,
        status=own[0] if own else "UPDATE_IN_PROGRESS",
        failure=failures[0] if failures else None,
    )
