"""Resources of a stack that moto knows in part."""

import json
from typing import Any

from tests.unit.local.support import SmallCloud, wait_for


def _deploy(cloud: SmallCloud, verb: str, resources: dict[str, Any]) -> None:
    client = cloud.client("cloudformation")
    getattr(client, f"{verb}_stack")(StackName="policies", TemplateBody=json.dumps({"Resources": resources}))

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
    for number in range(6):  # A policy has at most five versions.
        _deploy(cloud, "update", {"Policy": _policy(f"s3:Get{number}", ["caller"])})
        assert document() == f"s3:Get{number}"
    _deploy(cloud, "update", {"Policy": _policy("s3:GetObject", [])})
    assert attached() == []
    cloud.client("cloudformation").delete_stack(StackName="policies")
    wait_for(lambda: arn not in [item["Arn"] for item in iam.list_policies(Scope="Local")["Policies"]])
