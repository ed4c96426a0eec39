"""Property test: the model approved last is served in the end, in whatever order messages arrive."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from decision import Decision, version_of
from following import follow
from hypothesis import given
from hypothesis import strategies as st
from serving_stack import Deployment, StackBusy

from tests.lambdas.deploy_model.conftest import NOON, event

GROUP = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-dev"


class Registry:
    """Models after a sequence of decisions, and then edits of versions.

    Attributes:
        approved_last: ARN of the model whose approval is the last.
    """

    def __init__(
        self, decisions: list[tuple[int, str]], edits: Sequence[int] = (), *, seconds_apart: float = 1 / 3
    ) -> None:
        self.now = {
            f"{GROUP}/{version}": {
                "ModelPackageStatus": "Completed",
                "ModelApprovalStatus": status,
                "CreationTime": NOON,
                "LastModifiedTime": NOON + timedelta(seconds=at * seconds_apart),
            }
            for at, (version, status) in enumerate(decisions, 1)
        }
        self.messages = [
            Decision.from_event(event(f"{GROUP}/{version}", status, at=at * seconds_apart))  # type: ignore[arg-type]
            for at, (version, status) in enumerate(decisions, 1)
        ]
        approved = [arn for arn, one in self.now.items() if one["ModelApprovalStatus"] == "Approved"]
        self.approved_last = max(approved, key=lambda arn: self.now[arn]["LastModifiedTime"], default=None)
        for version in edits:
            if f"{GROUP}/{version}" in self.now:
                self.now[f"{GROUP}/{version}"]["LastModifiedTime"] = NOON + timedelta(hours=1)

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803
        return self.now[ModelPackageName]


class Stack:
    """A stack with instant updates that is sometimes busy."""

    name = "stack"

    def __init__(self) -> None:
        self.model_package: str | None = None
        self.approved: datetime | None = None
        self.busy = False
        self._deployments: list[Deployment] = []

    def require_idle(self) -> None:
        if self.busy:
            raise StackBusy("busy")

    def deployments(self) -> list[Deployment]:
        return self._deployments[::-1]

    def serve(self, model_package: str, approved: datetime, decision: Decision) -> bool:
        assert all(one.event != decision.event for one in self._deployments)
        self.model_package, self.approved = model_package, approved
        began = NOON + timedelta(minutes=1 + len(self._deployments))
        self._deployments.append(Deployment(version_of(model_package), decision.event, succeeded=True, began=began))
        return True


def deliver(registry: Registry, message: Decision, stack: Stack) -> str:
    return follow(message, registry, stack)  # type: ignore[arg-type]


versions = st.integers(1, 4)
decisions = st.lists(st.tuples(versions, st.sampled_from(["Approved", "Approved", "Rejected"])), min_size=1)
approvals = st.lists(st.tuples(versions, st.just("Approved")), min_size=1)


@given(decisions, st.data())
def test_neither_order_nor_repetition_of_messages_matters(made: list[tuple[int, str]], data: st.DataObject) -> None:
    _deliver_all(Registry(made), data)


@given(approvals, st.lists(versions), st.data())
def test_nor_do_other_changes_of_the_models(made: list[tuple[int, str]], edits: list[int], data: st.DataObject) -> None:
    # Events have whole seconds; the fractions are lost with the change.
    _deliver_all(Registry(made, edits, seconds_apart=1), data)


def _deliver_all(registry: Registry, data: st.DataObject) -> None:
    stack = Stack()
    waiting = list(registry.messages)
    while waiting:
        message = waiting[data.draw(st.integers(0, len(waiting) - 1))]
        stack.busy = data.draw(st.booleans())
        again = data.draw(st.booleans())
        try:
            deliver(registry, message, stack)
        except StackBusy:
            continue
        if not again:
            waiting.remove(message)
    assert stack.model_package == registry.approved_last


def test_a_busy_stack_is_checked_only_if_the_decision_could_change_it() -> None:
    registry, stack = Registry([(1, "Approved"), (1, "Rejected")]), Stack()
    stack.busy = True
    assert deliver(registry, registry.messages[0], stack) == "it is now Rejected"
    with pytest.raises(StackBusy):
        deliver(registry, registry.messages[1], stack)
