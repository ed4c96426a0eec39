"""Stacks: created, updated and deleted as by CloudFormation, and rolled back when a resource fails."""

import json
import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.conftest import Clients

QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 1}}
BROKEN = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Code": {"S3Bucket": "no-such-bucket", "S3Key": "code.zip"},
        "Handler": "handler.handler",
        "Role": "arn:aws:iam::123456789012:role/none",
        "Runtime": "python3.13",
    },
}


class Stack:
    def __init__(self, clients: Clients, name: str):
        self.clients, self.name = clients, name
        self.cloudformation = clients("cloudformation")

    def create(self, template: dict[str, Any], **parameters: str) -> str:
        self.cloudformation.create_stack(
            StackName=self.name, TemplateBody=json.dumps(template), Parameters=as_list(parameters)
        )
        return self.settled()

    def update(self, template: dict[str, Any] | None = None, **parameters: str) -> str:
        body: dict[str, Any] = {"TemplateBody": json.dumps(template)} if template else {"UsePreviousTemplate": True}
        self.cloudformation.update_stack(StackName=self.name, Parameters=as_list(parameters), **body)
        return self.settled()

    def settled(self) -> str:
        for _ in range(200):
            status = self.describe()["StackStatus"]
            if not status.endswith("_IN_PROGRESS"):
                return str(status)
            time.sleep(0.05)
        raise AssertionError(f"{self.name} is still {status}")

    def describe(self) -> Any:
        return self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]

    def events(self, logical_id: str) -> list[tuple[str, str]]:
        events = self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return [
            (event["ResourceStatus"], event.get("ResourceStatusReason", ""))
            for event in reversed(events)
            if event["LogicalResourceId"] == logical_id
        ]

    def physical_ids(self) -> dict[str, str]:
        resources = self.cloudformation.list_stack_resources(StackName=self.name)["StackResourceSummaries"]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}


def as_list(parameters: dict[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]


@pytest.fixture
def stack(clients: Clients) -> Stack:
    return Stack(clients, f"stack-{uuid.uuid4().hex[:8]}")


CONDITIONAL = {
    "Parameters": {"Model": {"Type": "String", "Default": ""}},
    "Conditions": {"HasModel": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Model"}, ""]}]}},
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Queue": {**QUEUE, "Condition": "HasModel", "Properties": {"QueueName": {"Ref": "Model"}}},
    },
    "Outputs": {"QueueArn": {"Condition": "HasModel", "Value": {"Fn::GetAtt": ["Queue", "Arn"]}}},
}


def test_a_parameter_adds_and_removes_a_conditional_resource(stack: Stack) -> None:
    assert stack.create(CONDITIONAL) == "CREATE_COMPLETE"
    assert list(stack.physical_ids()) == ["Topic"]
    assert stack.update(Model="first") == "UPDATE_COMPLETE"
    assert set(stack.physical_ids()) == {"Topic", "Queue"}
    assert stack.describe()["Outputs"][0]["OutputValue"].endswith(":first")
    assert stack.update(Model="") == "UPDATE_COMPLETE"
    assert list(stack.physical_ids()) == ["Topic"]


def test_an_update_that_changes_nothing_is_refused(stack: Stack) -> None:
    stack.create(CONDITIONAL, Model="same")
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack.update(Model="same")
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack.cloudformation.update_stack(
            StackName=stack.name,
            UsePreviousTemplate=True,
            Parameters=[{"ParameterKey": "Model", "UsePreviousValue": True}],
        )


def test_resources_are_created_after_their_dependencies(stack: Stack) -> None:
    template = {
        "Resources": {
            "Policy": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {"Queues": [{"Ref": "Zebra"}], "PolicyDocument": {"Statement": []}},
            },
            "Apple": {"Type": "AWS::SNS::Topic", "DependsOn": "Zebra"},
            "Zebra": QUEUE,
        }
    }
    assert stack.create(template) == "CREATE_COMPLETE"
    events = stack.cloudformation.describe_stack_events(StackName=stack.name)["StackEvents"]
    made = [event["LogicalResourceId"] for event in reversed(events) if event["ResourceStatus"] == "CREATE_COMPLETE"]
    assert made.index("Zebra") < made.index("Apple")
    assert made.index("Zebra") < made.index("Policy")


def test_a_failed_create_leaves_nothing_and_reports_the_reason(stack: Stack) -> None:
    template = {"Resources": {"Queue": QUEUE, "Broken": {**BROKEN, "DependsOn": "Queue"}}}
    assert stack.create(template) == "ROLLBACK_COMPLETE"
    assert stack.physical_ids() == {}
    assert "Broken" in stack.describe()["StackStatusReason"]
    assert [status for status, _ in stack.events("Queue")][-1] == "DELETE_COMPLETE"
    assert stack.events("Broken")[-1][0] == "CREATE_FAILED"
    assert stack.events("Broken")[-1][1]
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
        stack.update(CONDITIONAL)


def test_a_failed_update_is_rolled_back(stack: Stack) -> None:
    before = {"Resources": {"Queue": QUEUE}}
    stack.create(before)
    queue = stack.physical_ids()["Queue"]
    after = {
        "Resources": {
            "Queue": {**QUEUE, "Properties": {"DelaySeconds": 5}},
            "Broken": {**BROKEN, "DependsOn": "Queue"},
        }
    }
    assert stack.update(after) == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.physical_ids() == {"Queue": queue}
    attributes = stack.clients("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["DelaySeconds"])
    assert attributes["Attributes"]["DelaySeconds"] == "1"
    assert json.loads(json.dumps(stack.cloudformation.get_template(StackName=stack.name)["TemplateBody"])) == before
    assert stack.update({"Resources": {"Queue": QUEUE, "Other": QUEUE}}) == "UPDATE_COMPLETE"


def test_an_unchanged_resource_is_left_alone(stack: Stack) -> None:
    stack.create({"Resources": {"Queue": QUEUE}})
    stack.update({"Resources": {"Queue": {**QUEUE, "Metadata": {"note": "new"}}, "Other": QUEUE}})
    assert [status for status, _ in stack.events("Queue")] == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]


def test_deleting_a_stack_keeps_retained_resources(stack: Stack, clients: Clients) -> None:
    name = f"kept-{uuid.uuid4().hex[:8]}"
    kept = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": name}}
    stack.create({"Resources": {"Kept": kept, "Queue": QUEUE}})
    stack_id = stack.describe()["StackId"]
    stack.cloudformation.delete_stack(StackName=stack.name)
    stack.name = stack_id
    assert stack.settled() == "DELETE_COMPLETE"
    assert stack.events("Kept")[-1][0] == "DELETE_SKIPPED"
    clients("s3").head_bucket(Bucket=name)


def test_an_export_in_use_cannot_be_deleted(clients: Clients, stack: Stack) -> None:
    exported = f"topic-{uuid.uuid4().hex[:8]}"
    topic = {"Type": "AWS::SNS::Topic"}
    output = {"Value": {"Ref": "Topic"}, "Export": {"Name": exported}}
    stack.create({"Resources": {"Topic": topic}, "Outputs": {"Topic": output}})
    user = Stack(clients, f"{stack.name}-user")
    named = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::ImportValue": exported}}}
    assert user.create({"Resources": {"Other": named}}) == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="in use"):
        stack.cloudformation.delete_stack(StackName=stack.name)


def test_an_unsupported_resource_type_is_reported_as_skipped(stack: Stack) -> None:
    properties = {
        "AwsAccountId": "123456789012",
        "BaseThemeId": "CLASSIC",
        "ThemeId": "odd",
        "Name": "odd",
        "Configuration": {},
    }
    odd = {"Type": "AWS::QuickSight::Theme", "Properties": properties}
    user = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Odd"}}}
    assert stack.create({"Resources": {"Odd": odd, "User": user}}) == "CREATE_COMPLETE"
    assert stack.events("Odd")[-1] == (
        "CREATE_COMPLETE",
        "skipped: the local cloud does not run AWS::QuickSight::Theme",
    )


def test_a_change_set_lists_and_executes_the_changes(stack: Stack) -> None:
    def change_set(kind: str, template: dict[str, Any]) -> Any:
        stack.cloudformation.create_change_set(
            StackName=stack.name, ChangeSetName="change", ChangeSetType=kind, TemplateBody=json.dumps(template)
        )
        described = stack.cloudformation.describe_change_set(StackName=stack.name, ChangeSetName="change")
        stack.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName="change")
        return [change["ResourceChange"]["LogicalResourceId"] for change in described["Changes"]]

    assert change_set("CREATE", {"Resources": {"Queue": QUEUE}}) == ["Queue"]
    assert stack.settled() == "CREATE_COMPLETE"
    stack.cloudformation.delete_change_set(StackName=stack.name, ChangeSetName="change")
    assert change_set("UPDATE", {"Resources": {"Queue": QUEUE, "Other": QUEUE}}) == ["Other"]
    assert stack.settled() == "UPDATE_COMPLETE"
    assert set(stack.physical_ids()) == {"Queue", "Other"}


def test_change_sets_of_the_same_name_belong_to_their_stacks(clients: Clients, stack: Stack) -> None:
    other = Stack(clients, f"{stack.name}-other")
    for each, logical_id in ((stack, "Mine"), (other, "Theirs")):
        each.cloudformation.delete_change_set(StackName=each.name, ChangeSetName="same")
        each.cloudformation.create_change_set(
            StackName=each.name,
            ChangeSetName="same",
            ChangeSetType="CREATE",
            TemplateBody=json.dumps({"Resources": {logical_id: QUEUE}}),
        )
    for each, logical_id in ((stack, "Mine"), (other, "Theirs")):
        described = each.cloudformation.describe_change_set(StackName=each.name, ChangeSetName="same")
        assert [change["ResourceChange"]["LogicalResourceId"] for change in described["Changes"]] == [logical_id]
        each.cloudformation.execute_change_set(StackName=each.name, ChangeSetName="same")
        assert each.settled() == "CREATE_COMPLETE"
        assert list(each.physical_ids()) == [logical_id]


def test_a_change_set_keeps_a_parameter_that_names_an_ssm_parameter(clients: Clients, stack: Stack) -> None:
    name = f"/{stack.name}/version"
    clients("ssm").put_parameter(Name=name, Value="30", Type="String")
    slot = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": name}
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Version"}}}
    stack.create({"Parameters": {"Version": slot}, "Resources": {"Topic": topic}})
    stack.cloudformation.create_change_set(
        StackName=stack.name,
        ChangeSetName="change",
        ChangeSetType="UPDATE",
        TemplateBody=json.dumps({"Parameters": {"Version": slot}, "Resources": {"Topic": topic, "Queue": QUEUE}}),
        Parameters=[{"ParameterKey": "Version", "UsePreviousValue": True}],
    )
    stack.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName="change")
    assert stack.settled() == "UPDATE_COMPLETE"
    assert set(stack.physical_ids()) == {"Topic", "Queue"}


def test_a_protected_stack_is_not_deleted(clients: Clients) -> None:
    stack = Stack(clients, f"stack-{uuid.uuid4().hex[:8]}")
    stack.create({"Resources": {"Queue": QUEUE}})
    assert stack.describe()["EnableTerminationProtection"] is False
    stack.cloudformation.update_termination_protection(StackName=stack.name, EnableTerminationProtection=True)
    assert stack.describe()["EnableTerminationProtection"] is True
    with pytest.raises(ClientError, match="cannot be deleted while TerminationProtection is enabled"):
        stack.cloudformation.delete_stack(StackName=stack.name)
    stack.cloudformation.update_termination_protection(StackName=stack.name, EnableTerminationProtection=False)
    stack.cloudformation.delete_stack(StackName=stack.name)
