"""Drift detection, which moto lacks: it finds resources that were deleted without their stack.

Changes of properties are not compared; AWS does so for the types that support it. Types whose existence is not looked
up are ``NOT_CHECKED``, as types without support for drift are on AWS. See
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Stack

from localcloud.services.cloudformation import existing


class Detections:
    """Finished detections of a region, by ID."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Stack, list[dict[str, Any]]]] = {}

    def detect(self, stack: Stack) -> str:
        """Look for the resources of a stack and return the ID of the detection."""
        now = datetime.now(UTC)
        checked = [
            {**one, "StackId": stack.stack_id, "Timestamp": now}
            for one in (_drift(stack, resource) for resource in stack.stack_resources)
        ]
        id_ = str(uuid.uuid4())
        self._found[id_] = (stack, checked)
        return id_

    def status(self, id_: str) -> dict[str, Any]:
        """Return the answer of DescribeStackDriftDetectionStatus.

        Raises:
            ValidationError: There is no such detection.
        """
        if id_ not in self._found:
            raise ValidationError(message=f"DriftDetectionId {id_} does not exist")
        stack, checked = self._found[id_]
        drifted = sum(one["StackResourceDriftStatus"] == "DELETED" for one in checked)
        return {
            "StackId": stack.stack_id,
            "StackDriftDetectionId": id_,
            "StackDriftStatus": "DRIFTED" if drifted else "IN_SYNC",
            "DetectionStatus": "DETECTION_COMPLETE",
            "DriftedStackResourceCount": drifted,
            "Timestamp": checked[0]["Timestamp"] if checked else datetime.now(UTC),
        }

    def latest(self, stack: Stack) -> list[dict[str, Any]]:
        """Return the resources of the latest detection of a stack, without those that were not checked."""
        of_stack = [checked for one, checked in self._found.values() if one is stack]
        latest = of_stack[-1] if of_stack else []
        return [one for one in latest if one["StackResourceDriftStatus"] != "NOT_CHECKED"]


def _drift(stack: Stack, resource: Any) -> dict[str, Any]:
    type_, physical_id = str(resource.cf_resource_type), str(resource.physical_resource_id or "")
    names = existing.names_in_use(type_, stack.account_id, stack.region_name)
    name = physical_id.rpartition("/")[2] if "/" in physical_id else physical_id.rpartition(":")[2]
    exists = names is None or name in names or physical_id in names
    status = "NOT_CHECKED" if names is None else "IN_SYNC" if exists else "DELETED"
    return {
        "LogicalResourceId": resource.logical_resource_id,
        "PhysicalResourceId": physical_id,
        "ResourceType": type_,
        "StackResourceDriftStatus": status,
    }
