"""CloudFormation resources that moto supports only in part."""

import json
from typing import Any

from tests.localcloud.support import ACCOUNT, BUCKET, SmallCloud, wait_for


def _deploy(cloud: SmallCloud, verb: str, resources: dict[str, Any]) -> None:
    client = cloud.client("cloudformation")
    getattr(client, f"{verb}_stack")(
        StackName="policies", TemplateBody=json.dumps({"Resources": resources}), Capabilities=["CAPABILITY_NAMED_IAM"]
    )

    def look() -> bool:
        (stack,) = client.describe_stacks(StackName="policies")["Stacks"]
        assert "ROLLBACK" not in stack["StackStatus"], client.describe_stack_events(StackName="policies")
        return bool(stack["StackStatus"] == f"{verb.upper()}_COMPLETE")

    wait_for(look)


def _policy(action: str, roles: list[str]) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    properties = {"ManagedPolicyName": "callers", "PolicyDocument": document, "Roles": roles}
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}


def test_managed_policy_is_changed_in_place_and_deleted(cloud: SmallCloud) -> None:
    iam = cloud.client("iam")
    cloud.role("caller", "lambda.amazonaws.com")

    def attached() -> list[str]:
        return [item["PolicyArn"] for item in iam.list_attached_role_policies(RoleName="caller")["AttachedPolicies"]]

    def document() -> Any:
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        return found["Statement"][0]["Action"]

    _deploy(cloud, "create", {"Policy": _policy("sagemaker:InvokeEndpoint", ["caller"])})
    (arn,) = attached()
    assert arn.endswith(":policy/callers")
    for number in range(6):  # AWS keeps at most five versions of a policy.
        _deploy(cloud, "update", {"Policy": _policy(f"s3:Get{number}", ["caller"])})
        assert document() == f"s3:Get{number}"
    _deploy(cloud, "update", {"Policy": _policy("s3:GetObject", [])})
    assert attached() == []
    cloud.client("cloudformation").delete_stack(StackName="policies")
    wait_for(lambda: arn not in [item["Arn"] for item in iam.list_policies(Scope="Local")["Policies"]])


def test_a_bucket_without_a_name_is_changed_in_place(cloud: SmallCloud) -> None:
    s3, client = cloud.client("s3"), cloud.client("cloudformation")

    def deploy(verb: str, **properties: Any) -> str:
        bucket = {"Type": "AWS::S3::Bucket", "Properties": properties}
        template = {"Resources": {"Bucket": bucket}, "Outputs": {"Name": {"Value": {"Ref": "Bucket"}}}}
        getattr(client, f"{verb}_stack")(StackName="buckets", TemplateBody=json.dumps(template))
        (stack,) = wait_for(
            lambda: [
                stack
                for stack in client.describe_stacks(StackName="buckets")["Stacks"]
                if stack["StackStatus"] == f"{verb.upper()}_COMPLETE"
            ]
        )
        return str(stack["Outputs"][0]["OutputValue"])

    name = deploy("create")
    assert deploy("update", Tags=[{"Key": "kept", "Value": "yes"}]) == name
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "kept", "Value": "yes"}]


def test_a_policy_with_a_missing_principal_is_refused(cloud: SmallCloud) -> None:
    client = cloud.client("cloudformation")

    def resources(principal: Any) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "*", "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        trust = {"Version": "2012-10-17", "Statement": [{**statement, "Action": "sts:AssumeRole"}]}
        images = {"RepositoryName": "policed", "RepositoryPolicyText": document}
        return {
            "AWS::S3::BucketPolicy": {"Bucket": BUCKET, "PolicyDocument": document},
            "AWS::KMS::Key": {"KeyPolicy": document},
            "AWS::IAM::Role": {"AssumeRolePolicyDocument": trust},
            "AWS::ECR::Repository": images,
        }

    def deploy(name: str, **resources: Any) -> str:
        client.create_stack(
            StackName=name, TemplateBody=json.dumps({"Resources": resources}), Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        ended = ("CREATE_COMPLETE", "ROLLBACK_COMPLETE")
        return wait_for(
            lambda: next(
                (
                    str(stack["StackStatus"])
                    for stack in client.describe_stacks(StackName=name)["Stacks"]
                    if stack["StackStatus"] in ended
                ),
                None,
            )
        )

    known = cloud.role("known", "lambda.amazonaws.com")
    nobody = f"arn:aws:iam::{ACCOUNT}:role/nobody"
    for number, (kind, properties) in enumerate(resources([known, nobody]).items()):
        assert deploy(f"nobody-{number}", Policed={"Type": kind, "Properties": properties}) == "ROLLBACK_COMPLETE"
        events = client.describe_stack_events(StackName=f"nobody-{number}")["StackEvents"]
        reasons = [event.get("ResourceStatusReason", "") for event in events]
        assert any(f"Invalid principal in policy: there is no {nobody}" in reason for reason in reasons)
    # Principals that exist are accepted: accounts, and roles of the same template, which are created first.
    role = {"Type": "AWS::IAM::Role", "Properties": resources("999999999999")["AWS::IAM::Role"]}
    key = {"Type": "AWS::KMS::Key", "Properties": resources({"Fn::GetAtt": ["Role", "Arn"]})["AWS::KMS::Key"]}
    assert deploy("somebody", Key=key, Role=role) == "CREATE_COMPLETE"
