"""Exports of stacks: unique names, and no change of one in use."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.support import SmallCloud, wait_for


class Stacks:
    """Stacks that export and import a name."""

    def __init__(self, cloud: SmallCloud):
        self.client = cloud.client("cloudformation")
        self.export = f"export-{uuid.uuid4().hex[:8]}"

    def template(self, *, value: str | None = None, imports: bool = False) -> str:
        label: Any = {"Fn::ImportValue": {"Fn::Join": ["-", self.export.split("-")]}} if imports else "x"
        template: dict[str, Any] = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": label}}}
        }
        if value is not None:
            template["Outputs"] = {"Name": {"Value": value, "Export": {"Name": self.export}}}
        return json.dumps(template)

    def put(self, name: str, template: str, verb: str = "create") -> str:
        getattr(self.client, f"{verb}_stack")(StackName=name, TemplateBody=template)

        def look() -> str | None:
            (stack,) = self.client.describe_stacks(StackName=name)["Stacks"]
            return None if stack["StackStatus"].endswith("_IN_PROGRESS") else str(stack["StackStatus"])

        return str(wait_for(look))

    def reasons(self, name: str) -> str:
        events = self.client.describe_stack_events(StackName=name)["StackEvents"]
        return "\n".join(event.get("ResourceStatusReason", "") for event in events)


def test_an_export_in_use_is_neither_changed_nor_removed(cloud: SmallCloud) -> None:
    stacks = Stacks(cloud)
    producer, consumer = f"producer-{stacks.export}", f"consumer-{stacks.export}"
    assert stacks.put(producer, stacks.template(value="1")) == "CREATE_COMPLETE"
    assert stacks.put(consumer, stacks.template(imports=True)) == "CREATE_COMPLETE"
    for value, verb in (("2", "update"), (None, "delete")):
        assert stacks.put(producer, stacks.template(value=value), "update") == "UPDATE_ROLLBACK_COMPLETE"
        assert f"Cannot {verb} export {stacks.export} as it is in use by {consumer}." in stacks.reasons(producer)
    with pytest.raises(ClientError, match=f"Cannot delete export {stacks.export} as it is in use by {consumer}"):
        stacks.client.delete_stack(StackName=producer)
    exports = {one["Name"]: one["Value"] for one in stacks.client.list_exports()["Exports"]}
    assert exports[stacks.export] == "1"
    assert stacks.put(consumer, stacks.template(), "update") == "UPDATE_COMPLETE"
    assert stacks.put(producer, stacks.template(value="2"), "update") == "UPDATE_COMPLETE"
    for name in (consumer, producer):
        stacks.client.delete_stack(StackName=name)


def test_a_name_is_exported_once(cloud: SmallCloud) -> None:
    stacks = Stacks(cloud)
    first, second = f"first-{stacks.export}", f"second-{stacks.export}"
    assert stacks.put(first, stacks.template(value="1")) == "CREATE_COMPLETE"
    assert stacks.put(second, stacks.template(value="1")) == "ROLLBACK_COMPLETE"
    assert f"Export with name {stacks.export} is already exported by stack {first}" in stacks.reasons(second)
    for name in (first, second):
        stacks.client.delete_stack(StackName=name)
