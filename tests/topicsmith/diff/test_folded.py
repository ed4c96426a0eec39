"""Harmless changes are folded; changes that only look harmless are not."""

from typing import Any

import pytest

from tests.topicsmith.diff.support import Case, Resources, compare_all, resource
from topicsmith.diff.model.changes import Change, Risk

_BUCKET = {"Bucket": resource("AWS::S3::Bucket")}


def _code(digest: str) -> dict[str, Any]:
    return {"F": resource("AWS::Lambda::Function", Code={"S3Key": f"{digest * 64}.zip"}, Timeout=60)}


def _description(kind: str, text: str, name: str = "Description") -> dict[str, Any]:
    return {"Thing": resource(kind, **{name: text})}


def _reference(bucket: str) -> dict[str, Any]:
    return {
        bucket: resource("AWS::SNS::Topic", TopicName="topics"),
        "F": resource("AWS::Lambda::Function", Environment={"Variables": {"TOPIC": {"Ref": bucket}}}),
    }


def _policied(policy: str) -> dict[str, Any]:
    return {
        "Queue": resource("AWS::SQS::Queue"),
        policy: resource("AWS::SQS::QueuePolicy", Queues=[{"Ref": "Queue"}], PolicyDocument={"Statement": []}),
    }


def _scaled(target: str) -> dict[str, Any]:
    kind = "AWS::ApplicationAutoScaling::ScalableTarget"
    return {target: resource(kind, ResourceId="endpoint/topics/variant/one", ScalableDimension="count")}


def _tagged(value: str) -> dict[str, Any]:
    tags = [{"Key": "team", "Value": value}]
    return {name: resource("AWS::SNS::Topic", Tags=tags) for name in ("One", "Two")}


def _budget(percent: int) -> Resources:
    notification = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": percent}
    return {
        "B": resource(
            "AWS::Budgets::Budget",
            Budget={"BudgetName": "b", "BudgetType": "COST", "TimeUnit": "MONTHLY"},
            NotificationsWithSubscribers=[{"Notification": notification, "Subscribers": []}],
        )
    }


FOLDED = {
    "code": (Case(_code("a"), _code("b")), "code"),
    "metadata": (
        Case(_BUCKET, {"Bucket": resource("AWS::S3::Bucket", attributes={"Metadata": {"aws:cdk:path": "x"}})}),
        "same",
    ),
    "description": (Case(_description("AWS::KMS::Key", "a"), _description("AWS::KMS::Key", "b")), "descriptions"),
    "tags": (Case(_tagged("a"), _tagged("b")), "tags"),
    "order": (
        Case(
            {"F": resource("AWS::Lambda::Function", Architectures=["a", "b"])},
            {"F": resource("AWS::Lambda::Function", Architectures=["b", "a"])},
        ),
        "same",
    ),
    "dependency": (
        Case(
            {**_code("a"), "T": resource("AWS::SNS::Topic")},
            {**_code("a"), "T": resource("AWS::SNS::Topic", attributes={"DependsOn": "F"})},
        ),
        "same",
    ),
    "stack's description": (Case(_BUCKET, _BUCKET, {"Description": "a"}, {"Description": "b"}), "descriptions"),
}
LOUD = {
    "timeout": Case(_code("a"), {"F": {**_code("b")["F"], "Properties": {"Timeout": 5}}}),
    "description of a policy": Case(
        _description("AWS::IAM::ManagedPolicy", "a"), _description("AWS::IAM::ManagedPolicy", "b")
    ),
    "name that is taken": Case(_reference("Topic"), _reference("Other")),
    "names that are taken": Case(
        {name: resource("AWS::CloudWatch::Alarm", AlarmName=name, Threshold=at) for at, name in enumerate("ab")},
        {
            f"New{name}": resource("AWS::CloudWatch::Alarm", AlarmName=name, Threshold=at)
            for at, name in enumerate("ab")
        },
    ),
    "name that is kept": Case(_budget(80), _budget(90)),
    "capture that ends": Case(
        {"C": resource("AWS::SageMaker::EndpointConfig", DataCaptureConfig={"EnableCapture": True, "KmsKeyId": "k"})},
        {"C": resource("AWS::SageMaker::EndpointConfig")},
    ),
    "policy of a queue that stays": Case(_policied("One"), _policied("Two")),
    "autoscaling of what stays": Case(_scaled("One"), _scaled("Two")),
    "topic": Case({"One": resource("AWS::SNS::Topic")}, {"Two": resource("AWS::SNS::Topic")}),
    "scaling": Case(
        {"P": resource("AWS::ApplicationAutoScaling::ScalingPolicy", PolicyName="p", PolicyType="a")},
        {"P": resource("AWS::ApplicationAutoScaling::ScalingPolicy", PolicyName="p", PolicyType="b")},
    ),
    "digest": Case(
        {"F": resource("AWS::Lambda::Function", Code={"ImageUri": f"r@sha256:{'a' * 64}"})},
        {"F": resource("AWS::Lambda::Function", Code={"ImageUri": f"r@sha256:{'b' * 64}"})},
    ),
}


@pytest.fixture(scope="module")
def changes() -> dict[str, list[Change]]:
    return compare_all({**{name: case for name, (case, _) in FOLDED.items()}, **LOUD})


@pytest.mark.parametrize(("name", "rule"), [(name, rule) for name, (_, rule) in FOLDED.items()])
def test_a_harmless_change_is_folded_into_one_line(changes: dict[str, list[Change]], name: str, rule: str) -> None:
    (change,) = changes[name]
    assert (change.risk, change.rule) == (Risk.REST, rule)


@pytest.mark.parametrize("name", LOUD)
def test_a_change_that_only_looks_harmless_is_reported(changes: dict[str, list[Change]], name: str) -> None:
    assert changes[name][0].risk < Risk.REST


def test_a_replaced_managed_policy_has_to_be_attached_again(changes: dict[str, list[Change]]) -> None:
    assert any("attach the new one" in change.message for change in changes["description of a policy"])


def test_equal_tag_changes_are_counted(changes: dict[str, list[Change]]) -> None:
    assert changes["tags"][0].details == ("Tags[team]: a → b (2 times)",)


def test_references_to_a_renamed_resource_are_not_reported_twice(changes: dict[str, list[Change]]) -> None:
    reported = changes["name that is taken"]
    assert {(change.rule, change.risk) for change in reported[:2]} == {
        ("name-taken", Risk.BEHAVIOUR),
        ("made-anew", Risk.BEHAVIOUR),
    }
    assert [change.rule for change in reported[2:]] == ["same"]


def test_name_conflicts_are_reported_together(changes: dict[str, list[Change]]) -> None:
    (change,) = (one for one in changes["names that are taken"] if one.rule == "name-taken")
    assert change.message.startswith(
        "2 Alarm resources get another logical id and keep their names: the deployment fails"
    )
    assert change.details == ("a: a → Newa", "b: b → Newb")
    assert change.way_out == 'For the first: Keep the id: override_logical_id("a").'


def test_a_replacement_that_keeps_its_name_is_reported(changes: dict[str, list[Change]]) -> None:
    (change,) = (one for one in changes["name that is kept"] if one.rule == "name-taken")
    assert change.message == (
        "Budget B is replaced, because NotificationsWithSubscribers cannot change in place, and keeps its name b: the "
        "deployment fails, because CloudFormation creates the new one before it deletes the old one."
    )
    assert change.way_out == "Change the name together with NotificationsWithSubscribers."


def test_a_removed_output_does_not_lose_its_encryption(changes: dict[str, list[Change]]) -> None:
    (change,) = changes["capture that ends"]
    assert (change.risk, change.rule) == (Risk.BEHAVIOUR, "changed")
