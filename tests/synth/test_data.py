from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from tests.synth.assembly import Assembly

_STATEFUL = ("AWS::KMS::Key", "AWS::S3::Bucket")


@pytest.fixture
def template(assembly: Assembly, environment: str) -> Template:
    return Template.from_json(assembly.template(environment, "data"))


def _denied(condition: dict[str, Any]) -> Any:
    statement = {"Effect": "Deny", "Action": "s3:*", "Principal": {"AWS": "*"}, "Condition": condition}
    return {"PolicyDocument": {"Statement": Match.array_with([Match.object_like(statement)])}}


def test_every_bucket_is_private(template: Template) -> None:
    template.resource_count_is("AWS::S3::Bucket", 2)
    template.all_resources_properties(
        "AWS::S3::Bucket",
        {
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        },
    )


def test_every_bucket_takes_requests_over_tls_1_2_only(template: Template) -> None:
    template.all_resources_properties("AWS::S3::BucketPolicy", _denied({"Bool": {"aws:SecureTransport": "false"}}))
    template.all_resources_properties("AWS::S3::BucketPolicy", _denied({"NumericLessThan": {"s3:TlsVersion": 1.2}}))


def test_data_is_encrypted_with_a_key_that_rotates(template: Template) -> None:
    template.has_resource_properties("AWS::KMS::Key", {"EnableKeyRotation": True})
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": [Match.string_like_regexp("Key"), "Arn"]}}
    template.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": encryption, "BucketKeyEnabled": True}
                ]
            },
            "VersioningConfiguration": {"Status": "Enabled"},
            "LoggingConfiguration": {"DestinationBucketName": {"Ref": Match.string_like_regexp("AccessLogs")}},
        },
    )


def test_models_corpora_evaluations_and_vectors_never_expire(template: Template) -> None:
    """A lifecycle rule without a prefix must not expire current versions."""
    (bucket,) = template.find_resources("AWS::S3::Bucket", {"Properties": {"VersioningConfiguration": {}}}).values()
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule.get("Prefix") for rule in rules if "ExpirationInDays" in rule} == {
        "bow/",
        "captured/",
        "checkpoints/",
        "scores/",
    }
    assert any("NoncurrentVersionExpiration" in rule and "Prefix" not in rule for rule in rules)
    assert any("AbortIncompleteMultipartUpload" in rule and "Prefix" not in rule for rule in rules)


@pytest.mark.parametrize(("name", "policy"), [("dev", "Delete"), ("prod", "Retain")])
def test_prod_outlives_its_stack_and_dev_does_not(assembly: Assembly, name: str, policy: str) -> None:
    template = Template.from_json(assembly.template(name, "data"))
    for type_ in _STATEFUL:
        template.all_resources(type_, {"DeletionPolicy": policy, "UpdateReplacePolicy": policy})
    template.resource_count_is("Custom::S3AutoDeleteObjects", 2 if name == "dev" else 0)
    registry = Template.from_json(assembly.template(name, "training"))
    # The name of what a rolled back first deployment kept would be taken.
    named = {"DeletionPolicy": "RetainExceptOnCreate" if policy == "Retain" else policy, "UpdateReplacePolicy": policy}
    registry.all_resources("AWS::SageMaker::ModelPackageGroup", named)


@pytest.mark.parametrize("part", ["data", "training"])
def test_no_named_resource_survives_a_rolled_back_first_deployment(assembly: Assembly, part: str) -> None:
    """Its name would be taken when the stack is deployed again."""
    names = {"RepositoryName", "ModelPackageGroupName", "BucketName", "LogGroupName", "RoleName", "AliasName"}
    retained = [
        logical_id
        for logical_id, resource in assembly.template("prod", part)["Resources"].items()
        if resource.get("DeletionPolicy") == "Retain" and not names.isdisjoint(resource.get("Properties", {}))
        if resource["Type"] != "AWS::S3::BucketPolicy"
    ]
    assert retained == []


def test_outputs(template: Template) -> None:
    template.has_output("DataBucketName", {"Value": {"Ref": Match.string_like_regexp("DataBucket")}})
    template.has_output("DataKeyArn", {"Value": {"Fn::GetAtt": [Match.string_like_regexp("DataKey"), "Arn"]}})
