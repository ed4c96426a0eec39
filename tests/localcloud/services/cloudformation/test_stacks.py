"""Stacks of the local cloud: what CloudFormation refuses, replaces, retains and continues."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.support import SmallCloud, wait_for

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_BROKEN = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": "soon"}}


class Stack:
    def __init__(self, cloud: SmallCloud):
        self.name = f"strict-{uuid.uuid4().hex[:8]}"
        self.client = cloud.client("cloudformation")

    def deploy(self, resources: dict[str, Any], verb: str = "create") -> str:
        getattr(self.client, f"{verb}_stack")(
            StackName=self.name,
            TemplateBody=json.dumps({"Resources": resources}),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        return self.settled()

    def settled(self) -> str:
        def look() -> str | None:
            (stack,) = self.client.describe_stacks(StackName=self.name)["Stacks"]
            return None if stack["StackStatus"].endswith("_IN_PROGRESS") else str(stack["StackStatus"])

        return str(wait_for(look))

    def events(self, logical_id: str) -> list[tuple[str, str]]:
        events = self.client.describe_stack_events(StackName=self.name)["StackEvents"]
        return [
            (event["ResourceStatus"], event.get("ResourceStatusReason", ""))
            for event in reversed(events)
            if event["LogicalResourceId"] == logical_id
        ]


@pytest.fixture
def stack(cloud: SmallCloud) -> Stack:
    return Stack(cloud)


@pytest.mark.parametrize(
    ("properties", "violation"),
    [
        ({"Colour": "red"}, r"#: extraneous key \[Colour\] is not permitted"),
        ({"DelaySeconds": "soon"}, "#/DelaySeconds: expected type: Integer, found: String"),
    ],
)
def test_properties_that_violate_the_schema_fail_the_resource(
    stack: Stack, properties: dict[str, Any], violation: str
) -> None:
    assert stack.deploy({"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}}) == "ROLLBACK_COMPLETE"
    status, reason = stack.events("Queue")[-1]
    assert status == "CREATE_FAILED"
    assert reason.startswith("Properties validation failed for resource Queue with message:")
    assert violation.replace("\\", "") in reason


def test_a_missing_property_and_a_wrong_value_are_named(stack: Stack) -> None:
    rule = {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ZipFile": "x"}, "Architectures": ["sparc"]}}
    assert stack.deploy({"Function": rule}) == "ROLLBACK_COMPLETE"
    reason = stack.events("Function")[-1][1]
    assert "#: required key [Role] not found" in reason
    assert "#/Architectures/0: failed validation constraint for keyword [enum]" in reason


def test_scalars_are_converted(stack: Stack) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": "5", "SqsManagedSseEnabled": "true"}}
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": 5}}
    assert stack.deploy({"Queue": queue, "Topic": topic}) == "CREATE_COMPLETE"


@pytest.mark.parametrize(
    ("resource_type", "properties"),
    [
        ("AWS::IAM::Role", {"RoleName": "NAME", "AssumeRolePolicyDocument": _TRUST}),
        ("AWS::ECR::Repository", {"RepositoryName": "NAME"}),
        ("AWS::S3::Bucket", {"BucketName": "NAME"}),
        ("AWS::Logs::LogGroup", {"LogGroupName": "NAME"}),
        ("AWS::SNS::Topic", {"TopicName": "NAME"}),
        ("AWS::SQS::Queue", {"QueueName": "NAME"}),
        ("AWS::CloudWatch::Dashboard", {"DashboardName": "NAME", "DashboardBody": '{"widgets": []}'}),
        ("AWS::SageMaker::ModelPackageGroup", {"ModelPackageGroupName": "NAME"}),
        (
            "AWS::Budgets::Budget",
            {
                "Budget": {
                    "BudgetName": "NAME",
                    "BudgetType": "COST",
                    "TimeUnit": "MONTHLY",
                    "BudgetLimit": {"Amount": 10, "Unit": "USD"},
                }
            },
        ),
    ],
)
def test_a_stack_adopts_no_existing_resource(cloud: SmallCloud, resource_type: str, properties: dict[str, Any]) -> None:
    first, second = Stack(cloud), Stack(cloud)
    given = json.loads(json.dumps(properties).replace("NAME", f"taken-{uuid.uuid4().hex[:8]}"))
    resource = {"Type": resource_type, "Properties": given}
    assert first.deploy({"Mine": resource}) == "CREATE_COMPLETE"
    assert second.deploy({"Theirs": resource}) == "ROLLBACK_COMPLETE"
    status, reason = second.events("Theirs")[-1]
    assert status == "CREATE_FAILED"
    assert f"Resource of type '{resource_type}' with identifier 'taken-" in reason
    assert "HandlerErrorCode: AlreadyExists" in reason
    assert first.deploy({"Mine": resource, "More": {"Type": "AWS::SNS::Topic"}}, "update") == "UPDATE_COMPLETE"


@pytest.mark.parametrize(("policy", "status"), [("Retain", "CREATE_COMPLETE"), ("Delete", "ROLLBACK_COMPLETE")])
def test_a_change_set_imports_what_the_template_retains(cloud: SmallCloud, policy: str, status: str) -> None:
    ecr, cloudformation = cloud.client("ecr"), cloud.client("cloudformation")
    name = f"left-{uuid.uuid4().hex[:8]}"
    ecr.create_repository(repositoryName=name)
    repository = {
        "Type": "AWS::ECR::Repository",
        "DeletionPolicy": policy,
        "Properties": {"RepositoryName": name, "ImageTagMutability": "IMMUTABLE"},
    }
    cloudformation.create_change_set(
        StackName=name,
        ChangeSetName="import",
        ChangeSetType="CREATE",
        ImportExistingResources=True,
        TemplateBody=json.dumps({"Resources": {"Images": repository}}),
    )
    cloudformation.execute_change_set(ChangeSetName="import", StackName=name)
    ended = ("CREATE_COMPLETE", "ROLLBACK_COMPLETE")
    stacks = cloudformation.describe_stacks
    assert wait_for(lambda: (now := stacks(StackName=name)["Stacks"][0]["StackStatus"]) in ended and now) == status
    (found,) = ecr.describe_repositories(repositoryNames=[name])["repositories"]
    assert found["imageTagMutability"] == ("IMMUTABLE" if policy == "Retain" else "MUTABLE")


def test_a_create_only_property_replaces_the_resource(cloud: SmallCloud, stack: Stack) -> None:
    sqs = cloud.client("sqs")
    old, new = (f"{stack.name}-{word}" for word in ("old", "new"))
    stack.deploy({"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": old}}})
    after = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": new}}}
    assert stack.deploy(after, "update") == "UPDATE_COMPLETE"
    names = [url.rpartition("/")[2] for url in sqs.list_queues(QueueNamePrefix=stack.name)["QueueUrls"]]
    assert names == [new]
    assert [status for status, _ in stack.events("Queue")][-2:] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    assert "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" in [status for status, _ in stack.events(stack.name)]


def test_a_rolled_back_replacement_keeps_the_original(cloud: SmallCloud, stack: Stack) -> None:
    old, new = (f"{stack.name}-{word}" for word in ("old", "new"))
    stack.deploy({"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": old}}})
    after = {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": new}},
        "Broken": {**_BROKEN, "DependsOn": "Queue"},
    }
    assert stack.deploy(after, "update") == "UPDATE_ROLLBACK_COMPLETE"
    urls = cloud.client("sqs").list_queues(QueueNamePrefix=stack.name)["QueueUrls"]
    assert [url.rpartition("/")[2] for url in urls] == [old]


def test_a_replaced_resource_is_kept_by_its_update_replace_policy(cloud: SmallCloud, stack: Stack) -> None:
    old, new = (f"{stack.name}-{word}" for word in ("old", "new"))

    def queue(name: str) -> dict[str, Any]:
        return {"Type": "AWS::SQS::Queue", "UpdateReplacePolicy": "Retain", "Properties": {"QueueName": name}}

    stack.deploy({"Queue": queue(old)})
    assert stack.deploy({"Queue": queue(new)}, "update") == "UPDATE_COMPLETE"
    assert stack.events("Queue")[-1][0] == "DELETE_SKIPPED"
    assert len(cloud.client("sqs").list_queues(QueueNamePrefix=stack.name)["QueueUrls"]) == 2


def test_a_named_resource_is_not_replaced_under_its_name(stack: Stack) -> None:
    def repository(encryption: str) -> dict[str, Any]:
        properties = {"RepositoryName": stack.name, "EncryptionConfiguration": {"EncryptionType": encryption}}
        return {"Repository": {"Type": "AWS::ECR::Repository", "Properties": properties}}

    stack.deploy(repository("AES256"))
    assert stack.deploy(repository("KMS"), "update") == "UPDATE_ROLLBACK_COMPLETE"
    failures = [reason for status, reason in stack.events("Repository") if status == "UPDATE_FAILED"]
    assert "custom-named resource requires replacing" in failures[0]


def test_a_budget_with_other_notifications_collides_with_itself(stack: Stack) -> None:
    def budget(percent: int) -> dict[str, Any]:
        notification = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": percent}
        subscriber = {"SubscriptionType": "EMAIL", "Address": "owner@example.com"}
        properties = {
            "Budget": {
                "BudgetName": stack.name,
                "BudgetType": "COST",
                "TimeUnit": "MONTHLY",
                "BudgetLimit": {"Amount": 10, "Unit": "USD"},
            },
            "NotificationsWithSubscribers": [{"Notification": notification, "Subscribers": [subscriber]}],
        }
        return {"Budget": {"Type": "AWS::Budgets::Budget", "Properties": properties}}

    assert stack.deploy(budget(80)) == "CREATE_COMPLETE"
    assert stack.deploy(budget(90), "update") == "UPDATE_ROLLBACK_COMPLETE"
    assert any("already exists" in reason for status, reason in stack.events("Budget") if status == "UPDATE_FAILED")


@pytest.mark.parametrize(("policy", "kept"), [("Retain", True), ("RetainExceptOnCreate", False), ("Delete", False)])
def test_a_rolled_back_creation_keeps_what_retain_says(
    cloud: SmallCloud, stack: Stack, policy: str, kept: bool
) -> None:
    named = {
        "Type": "AWS::ECR::Repository",
        "DeletionPolicy": policy,
        "Properties": {"RepositoryName": stack.name},
    }
    assert stack.deploy({"Named": named, "Broken": {**_BROKEN, "DependsOn": "Named"}}) == "ROLLBACK_COMPLETE"
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
        stack.deploy({"Named": named}, "update")
    stack.client.delete_stack(StackName=stack.name)
    assert stack.deploy({"Named": named}) == ("ROLLBACK_COMPLETE" if kept else "CREATE_COMPLETE")


def test_retain_except_on_create_keeps_a_resource_that_was_created(cloud: SmallCloud, stack: Stack) -> None:
    named = {
        "Type": "AWS::ECR::Repository",
        "DeletionPolicy": "RetainExceptOnCreate",
        "Properties": {"RepositoryName": stack.name},
    }
    stack.deploy({"Named": named})
    stack.client.delete_stack(StackName=stack.name)
    ecr = cloud.client("ecr")
    assert ecr.describe_repositories(repositoryNames=[stack.name])["repositories"]


def test_a_failed_rollback_is_continued_without_a_resource(cloud: SmallCloud, stack: Stack) -> None:
    def queue(seconds: int) -> dict[str, Any]:
        return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": stack.name, "DelaySeconds": seconds}}

    stack.deploy({"Queue": queue(1)})
    sqs = cloud.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=stack.name)["QueueUrl"])
    assert stack.deploy({"Queue": queue(2)}, "update") == "UPDATE_ROLLBACK_FAILED"
    with pytest.raises(ClientError, match="UPDATE_ROLLBACK_FAILED state and can not be updated"):
        stack.deploy({"Queue": queue(3)}, "update")
    stack.client.continue_update_rollback(StackName=stack.name, ResourcesToSkip=["Queue"])
    assert stack.settled() == "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(ClientError, match="can not be rolled back"):
        stack.client.continue_update_rollback(StackName=stack.name)


def test_a_change_set_goes_with_its_stack(stack: Stack) -> None:
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    for kind in ("CREATE", "UPDATE"):
        extra = {"TemplateBody": body if kind == "CREATE" else body.replace('Topic": {', 'Other": {')}
        change = {"StackName": stack.name, "ChangeSetName": "deploy"}
        stack.client.create_change_set(ChangeSetType=kind, **change, **extra)
        stack.client.execute_change_set(**change)
        stack.settled()
    stack.client.delete_stack(StackName=stack.name)
    with pytest.raises(ClientError, match="does not exist"):
        stack.client.describe_change_set(StackName=stack.name, ChangeSetName="deploy")


def test_stacks_are_listed_by_name(stack: Stack) -> None:
    stack.deploy({"Topic": {"Type": "AWS::SNS::Topic"}})
    listed = {summary["StackName"]: summary["StackStatus"] for summary in stack.client.list_stacks()["StackSummaries"]}
    assert listed[stack.name] == "CREATE_COMPLETE"


def test_a_template_is_returned_in_ascii(stack: Stack) -> None:
    stack.deploy({"Topic": {"Type": "AWS::SNS::Topic", "Metadata": {"Unit": "µs"}}})
    body = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Metadata": {"Unit": "ms µ"}}}}'
    stack.client.update_stack(StackName=stack.name, TemplateBody=body)
    stack.settled()
    assert stack.client.get_template(StackName=stack.name)["TemplateBody"]["Resources"]["Topic"]["Metadata"] == {
        "Unit": "ms ?"
    }


_TOPIC = {"Type": "AWS::SNS::Topic"}


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"A": {**_TOPIC, "DependsOn": "B"}, "B": {**_TOPIC, "DependsOn": "A"}}, r"Circular dependency .* \[A, B\]"),
        ({"A": {**_TOPIC, "DependsOn": "Gone"}}, r"Unresolved resource dependencies \[Gone\]"),
        ({f"T{number}": _TOPIC for number in range(501)}, "Number of resources, 501, is greater than maximum"),
        ({}, "At least one Resources member"),
        ({"A": {**_TOPIC, "Metadata": {"long": "x" * 51200}}}, "less than or equal to 51200"),
    ],
)
def test_a_malformed_template_is_refused(stack: Stack, resources: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message) as refused:
        stack.deploy(resources)
    assert refused.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("properties", "given", "wanted"),
    [({}, [], "CAPABILITY_IAM"), ({"RoleName": "named"}, ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM")],
)
def test_iam_resources_must_be_acknowledged(
    stack: Stack, properties: dict[str, Any], given: list[str], wanted: str
) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {**properties, "AssumeRolePolicyDocument": _TRUST}}
    body = json.dumps({"Resources": {"Role": role}})
    with pytest.raises(ClientError, match=rf"Requires capabilities : \[{wanted}\]") as refused:
        stack.client.create_stack(StackName=stack.name, TemplateBody=body, Capabilities=given)
    assert refused.value.response["Error"]["Code"] == "InsufficientCapabilitiesException"


def test_a_cancelled_update_is_rolled_back(stack: Stack, cloud: SmallCloud) -> None:
    """The function of the custom resource waits until the update was cancelled."""
    code = (
        "import boto3, json, time, urllib.request\n"
        "def handler(event, context):\n"
        "    logs = boto3.client('logs')\n"
        "    group = event['ResourceProperties']['WaitFor']\n"
        "    while group and not logs.describe_log_groups(logGroupNamePrefix=group)['logGroups']:\n"
        "        time.sleep(0.05)\n"
        "    body = {k: event[k] for k in ('StackId', 'RequestId', 'LogicalResourceId')}\n"
        "    body |= {'Status': 'SUCCESS', 'PhysicalResourceId': 'waits'}\n"
        "    request = urllib.request.Request(event['ResponseURL'], json.dumps(body).encode(), method='PUT')\n"
        "    request.add_header('Content-Type', '')\n"
        "    urllib.request.urlopen(request)\n"
    )
    function = cloud.function(f"{stack.name}-waits", {"index.py": code}, Timeout=300)

    def resources(wait_for_group: str, delay: int) -> dict[str, Any]:
        waits = {"Type": "Custom::Waits", "Properties": {"ServiceToken": function, "WaitFor": wait_for_group}}
        queue = {"Type": "AWS::SQS::Queue", "DependsOn": "Waits", "Properties": {"DelaySeconds": delay}}
        return {"Waits": waits, "Queue": queue}

    assert stack.deploy(resources("", 1)) == "CREATE_COMPLETE", stack.events("Waits")
    with pytest.raises(ClientError, match="cannot be called from current stack status"):
        stack.client.cancel_update_stack(StackName=stack.name)
    stack.client.update_stack(
        StackName=stack.name, TemplateBody=json.dumps({"Resources": resources(f"/{stack.name}", 2)})
    )
    stack.client.cancel_update_stack(StackName=stack.name)
    cloud.client("logs").create_log_group(logGroupName=f"/{stack.name}")
    assert stack.settled() == "UPDATE_ROLLBACK_COMPLETE"
    assert not any(status.startswith("UPDATE") for status, _ in stack.events("Queue"))


def test_a_resource_deleted_without_its_stack_is_drift(stack: Stack, cloud: SmallCloud) -> None:
    resources = {"Queue": {"Type": "AWS::SQS::Queue"}, "Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}
    assert stack.deploy(resources) == "CREATE_COMPLETE"

    def drift() -> tuple[str, dict[str, str]]:
        detection = stack.client.detect_stack_drift(StackName=stack.name)["StackDriftDetectionId"]
        status = stack.client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        assert status["DetectionStatus"] == "DETECTION_COMPLETE"
        found = stack.client.describe_stack_resource_drifts(StackName=stack.name)["StackResourceDrifts"]
        return status["StackDriftStatus"], {one["LogicalResourceId"]: one["StackResourceDriftStatus"] for one in found}

    assert drift() == ("IN_SYNC", {"Queue": "IN_SYNC", "Topic": "IN_SYNC"})
    (queue,) = (
        one["PhysicalResourceId"]
        for one in stack.client.describe_stack_resources(StackName=stack.name)["StackResources"]
        if one["LogicalResourceId"] == "Queue"
    )
    cloud.client("sqs").delete_queue(QueueUrl=queue)
    assert drift() == ("DRIFTED", {"Queue": "DELETED", "Topic": "IN_SYNC"})
