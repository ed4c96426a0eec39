"""Losses of stateful resources and of resources with callers, reported first."""

import pytest

from tests.topicsmith.diff.support import Case, compare_all, resource
from topicsmith.diff.model.changes import Change, Risk

_KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
_BUCKET = resource("AWS::S3::Bucket", BucketEncryption={"Rules": "aes"})
_KEPT_BUCKET = resource("AWS::S3::Bucket", attributes=_KEPT)
_ENDPOINT = resource("AWS::SageMaker::Endpoint", EndpointName="topics", EndpointConfigName="one")
_TAGGED = resource("AWS::S3::Bucket", Tags=[{"Key": "aws-cdk:auto-delete-objects", "Value": "true"}])
_EMPTIER = resource("Custom::S3AutoDeleteObjects", BucketName={"Ref": "Bucket"}, ServiceToken="arn")
_PARAMETER = {"ModelPackageArn": {"Type": "String", "Default": ""}}
_HAS_MODEL = {"HasModel": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ModelPackageArn"}, ""]}]}}


def _conditional(**rest: object) -> dict[str, object]:
    return {"Conditions": _HAS_MODEL, "Parameters": _PARAMETER, **rest}


def _changed(kind: str, old: dict[str, object], new: dict[str, object]) -> Case:
    return Case({"Thing": resource(kind, **old)}, {"Thing": resource(kind, **new)})


CASES = {
    "deleted": Case({"Bucket": _BUCKET}, {}),
    "orphaned": Case({"Bucket": _KEPT_BUCKET}, {}),
    "renamed": Case({"Bucket": _BUCKET}, {"Storage": _BUCKET}),
    "renamed and changed": Case({"Bucket": _BUCKET}, {"Storage": {**_BUCKET, "Properties": {"BucketName": "x"}}}),
    "replaced": _changed("AWS::DynamoDB::Table", {"TableName": "a"}, {"TableName": "b"}),
    "replaced for its description": _changed(
        "AWS::SageMaker::ModelPackageGroup",
        {"ModelPackageGroupName": "topics", "ModelPackageGroupDescription": "a"},
        {"ModelPackageGroupName": "topics", "ModelPackageGroupDescription": "b"},
    ),
    "another type": Case({"Thing": _BUCKET}, {"Thing": resource("AWS::SNS::Topic")}),
    "removal policy": Case({"Bucket": _KEPT_BUCKET}, {"Bucket": resource("AWS::S3::Bucket")}),
    "endpoint deleted": Case({"Endpoint": _ENDPOINT}, {}),
    "endpoint renamed": Case({"Endpoint": _ENDPOINT}, {"TopicEndpoint": _ENDPOINT}),
    "endpoint without a model": Case(
        {"Endpoint": _ENDPOINT}, {"Endpoint": {**_ENDPOINT, "Condition": "HasModel"}}, {}, _conditional()
    ),
    "endpoint with a model": Case(
        {"Endpoint": _ENDPOINT},
        {"Endpoint": {**_ENDPOINT, "Condition": "HasModel"}},
        {"Parameters": _PARAMETER, "parameters": {"ModelPackageArn": "arn"}},
        _conditional(),
    ),
    "bucket emptied": Case({"Bucket": _TAGGED, "Emptier": _EMPTIER}, {"Bucket": _TAGGED, "Other": _EMPTIER}),
    "bucket spared": Case({"Bucket": _TAGGED, "Emptier": _EMPTIER}, {"Bucket": resource("AWS::S3::Bucket")}),
    "bucket to be emptied": Case({"Bucket": resource("AWS::S3::Bucket")}, {"Bucket": _TAGGED, "Emptier": _EMPTIER}),
    "versioning": _changed("AWS::S3::Bucket", {"VersioningConfiguration": {"Status": "Enabled"}}, {}),
    "encryption": _changed(
        "AWS::S3::Bucket",
        {"BucketEncryption": {"Rules": [{"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"}]}},
        {"BucketEncryption": {"Rules": [{"SSEAlgorithm": "AES256"}]}},
    ),
    "rotation": _changed("AWS::KMS::Key", {"EnableKeyRotation": True}, {"EnableKeyRotation": False}),
    "backups": _changed(
        "AWS::DynamoDB::Table", {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}, {}
    ),
    "dead letters": _changed("AWS::SQS::Queue", {"RedrivePolicy": {"deadLetterTargetArn": "arn"}}, {}),
    "images emptied": _changed("AWS::ECR::Repository", {}, {"EmptyOnDelete": True}),
    "topic's key": _changed("AWS::SNS::Topic", {"KmsMasterKeyId": "key"}, {}),
    "nested stack": _changed(
        "AWS::CloudFormation::Stack", {"TemplateURL": f"{'a' * 64}.json"}, {"TemplateURL": f"{'b' * 64}.json"}
    ),
    "protection": Case({}, {}, {"protected": True}, {"protected": False}),
    "region": Case({"Bucket": _BUCKET}, {"Bucket": _BUCKET}, {"region": "us-east-1"}, {"region": "eu-west-1"}),
    "account": Case({"Bucket": _BUCKET}, {"Bucket": _BUCKET}, {"account": "1" * 12}, {"account": "2" * 12}),
    "endpoint without a condition": Case(
        {"Endpoint": {**_ENDPOINT, "Condition": "HasModel"}}, {"Endpoint": _ENDPOINT}, _conditional(), {}
    ),
    "stateless renamed": Case({"Role": resource("AWS::IAM::Role")}, {"Other": resource("AWS::IAM::Role")}),
    "kept longer": Case({"Bucket": resource("AWS::S3::Bucket")}, {"Bucket": _KEPT_BUCKET}),
    "protected": Case({}, {}, {"protected": False}, {"protected": True}),
    "account named": Case({"Bucket": _BUCKET}, {"Bucket": _BUCKET}, {"account": None}, {"account": "2" * 12}),
    "key encrypts": _changed("AWS::SNS::Topic", {}, {"KmsMasterKeyId": "key"}),
}

LOST = {
    "deleted": "deleted",
    "orphaned": "orphaned",
    "renamed": "renamed",
    "renamed and changed": "renamed",
    "replaced": "replaced",
    "replaced for its description": "replaced",
    "another type": "deleted",
    "removal policy": "removal-policy",
    "endpoint deleted": "deleted",
    "endpoint renamed": "renamed",
    "endpoint without a model": "conditional",
    "bucket emptied": "emptied",
    "bucket to be emptied": "auto-delete",
    "versioning": "guard-off",
    "encryption": "encryption-off",
    "rotation": "guard-off",
    "backups": "guard-off",
    "dead letters": "guard-off",
    "images emptied": "guard-off",
    "topic's key": "encryption-off",
    "nested stack": "nested",
    "protection": "termination-protection",
    "region": "stack-moved",
    "account": "stack-moved",
}


@pytest.fixture(scope="module")
def changes() -> dict[str, list[Change]]:
    return compare_all(CASES)


@pytest.mark.parametrize(("name", "rule"), LOST.items())
def test_a_loss_is_first_and_dangerous(changes: dict[str, list[Change]], name: str, rule: str) -> None:
    first = changes[name][0]
    assert (first.risk, first.rule, first.dangerous) == (Risk.DATA, rule, True)


@pytest.mark.parametrize("name", sorted(CASES.keys() - LOST.keys()))
def test_a_change_without_loss_is_not_dangerous(changes: dict[str, list[Change]], name: str) -> None:
    assert changes[name]
    assert not any(change.dangerous for change in changes[name])


def test_a_rename_names_both_ids_and_the_way_out(changes: dict[str, list[Change]]) -> None:
    (change,) = changes["renamed"]
    assert change.details == ("Bucket → Storage",)
    assert change.way_out is not None
    assert 'override_logical_id("Bucket")' in change.way_out


def test_a_loss_says_deleted_or_left_behind(changes: dict[str, list[Change]]) -> None:
    assert " and its objects." in changes["deleted"][0].message
    assert "stays in the account with its objects" in changes["orphaned"][0].message


def test_a_name_conflict_fails_the_deployment(changes: dict[str, list[Change]]) -> None:
    for name in ("endpoint renamed", "replaced for its description"):
        assert any("still has the name topics" in line for line in changes[name][0].details)


def test_a_replacement_is_reported_once(changes: dict[str, list[Change]]) -> None:
    assert len(changes["replaced for its description"]) == 1
