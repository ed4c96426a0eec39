"""What became of the updates of a stack: CloudFormation keeps the events of 90 days, each with its update's token."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

# What the function that deploys an approved model calls its updates.
_TOKEN = re.compile(r"model-(\d+)-.+")
_NO_REASON = "no reason given"


@dataclass(frozen=True)
class Update:
    """An operation on a stack.

    Attributes:
        version: the version of the model that was approved; None where something else was deployed.
        status: the stack's status at its end, or as far as it has come.
        failure: the resource that failed first, and why.
    """

    version: int | None
    status: str
    failure: str | None

    @property
    def is_over(self) -> bool:
        """Whether it has come to its end."""
        return not self.status.endswith("_IN_PROGRESS")

    @property
    def succeeded(self) -> bool:
        """Whether it did what it was to do; what is left is to remove what was replaced."""
        return self.status in {"UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"}

    @property
    def failed(self) -> bool:
        """Whether it is over, and the stack is as it was before, or worse."""
        return self.is_over and not self.succeeded


def last_event(cloudformation: "CloudFormationClient", stack: str) -> str | None:
    """Return the id of the latest event of a stack."""
    event = next(_events(cloudformation, stack), None)
    return event["EventId"] if event else None


def updates(cloudformation: "CloudFormationClient", stack: str, since: str | None = None) -> list[Update]:
    """Return a stack's updates, the latest first.

    Args:
        cloudformation: the client.
        stack: its name.
        since: the id of an event; updates that had ended before it are left out.
    """
    operations: dict[str, list[StackEventTypeDef]] = {}
    for event in _events(cloudformation, stack):
        if event["EventId"] == since:
            break
        operations.setdefault(event.get("ClientRequestToken", ""), []).append(event)
    return [_update(token, events) for token, events in operations.items()]


def _events(cloudformation: "CloudFormationClient", stack: str) -> "Iterator[StackEventTypeDef]":
    """Yield the events of a stack, the latest first."""
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack):
        yield from page["StackEvents"]


def _update(token: str, events: "list[StackEventTypeDef]") -> Update:
    found = _TOKEN.fullmatch(token)
    own = [event.get("ResourceStatus", "") for event in events if event.get("PhysicalResourceId") == event["StackId"]]
    # The first failure is the cause, the later ones are what it took with it.
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
