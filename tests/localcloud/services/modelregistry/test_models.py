import json
from typing import Any

import pytest

from tests.localcloud.support import BUCKET, IMAGE, SmallCloud, wait_for


def _register(cloud: SmallCloud, group: str, **more: Any) -> str:
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    created = cloud.client("sagemaker").create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=specification, **more
    )
    return str(created["ModelPackageArn"])


def test_changes_are_announced_to_eventbridge(cloud: SmallCloud) -> None:
    arn = cloud.function(
        "listener",
        {"index.py": "import json\ndef handler(event, context):\n    print('got', json.dumps(event))\n"},
    )
    events = cloud.client("events")
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": ["announced"]},
    }
    rule = events.put_rule(Name="registry", EventPattern=json.dumps(pattern))["RuleArn"]
    events.put_targets(Rule="registry", Targets=[{"Id": "1", "Arn": arn}])
    cloud.client("lambda").add_permission(
        FunctionName="listener",
        StatementId="1",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="announced")
    package = _register(cloud, "announced")

    def heard(number: int) -> list[dict[str, Any]] | None:
        lines = cloud.log("/aws/lambda/listener")
        found = [json.loads(line.removeprefix("got ")) for line in lines if line.startswith("got ")]
        return found if len(found) >= number else None

    created = wait_for(lambda: heard(1))[0]
    assert created["resources"] == [package]
    assert created["detail"]["ModelPackageArn"] == package
    assert created["detail"]["ModelPackageVersion"] == 1
    assert created["detail"]["ModelApprovalStatus"] == "PendingManualApproval"
    assert created["detail"]["InferenceSpecification"]["Containers"][0]["Image"] == IMAGE
    client.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved", ApprovalDescription="good")
    approved = next(
        event for event in wait_for(lambda: heard(2)) if event["detail"]["ModelApprovalStatus"] == "Approved"
    )
    assert approved["detail"]["UpdatedModelPackageFields"] == ["ModelApprovalStatus", "ApprovalDescription"]
    assert approved["detail"]["ApprovalDescription"] == "good"


def test_update_keeps_omitted_values(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="kept")
    package = _register(cloud, "kept", CustomerMetadataProperties={"commit": "abc"})
    client.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved", ApprovalDescription="good")
    client.update_model_package(ModelPackageArn=package, CustomerMetadataProperties={"stage": "dev"})
    described = client.describe_model_package(ModelPackageName=package)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "good"
    assert described["CustomerMetadataProperties"] == {"commit": "abc", "stage": "dev"}


def test_version_numbers_are_not_reused(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="numbered")
    first, second = _register(cloud, "numbered"), _register(cloud, "numbered")
    client.delete_model_package(ModelPackageName=first)
    third = _register(cloud, "numbered")
    assert [arn.rpartition("/")[2] for arn in (second, third)] == ["2", "3"]
    listed = client.list_model_packages(ModelPackageGroupName="numbered")["ModelPackageSummaryList"]
    assert sorted(item["ModelPackageVersion"] for item in listed) == [2, 3]
    assert client.describe_model_package(ModelPackageName=second)["ModelPackageVersion"] == 2
    with pytest.raises(client.exceptions.ClientError, match="not found"):
        client.describe_model_package(ModelPackageName=first)


def test_group_is_deleted_only_when_it_is_empty(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="emptied")
    package = _register(cloud, "emptied")
    with pytest.raises(client.exceptions.ConflictException, match="still contains"):
        client.delete_model_package_group(ModelPackageGroupName="emptied")
    client.delete_model_package(ModelPackageName=package)
    client.delete_model_package_group(ModelPackageGroupName="emptied")
    with pytest.raises(client.exceptions.ClientError, match="does not exist"):
        client.describe_model_package_group(ModelPackageGroupName="emptied")


def test_a_groups_policy_is_put_read_and_deleted(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="open")
    with pytest.raises(client.exceptions.ClientError, match="is not JSON"):
        client.put_model_package_group_policy(ModelPackageGroupName="open", ResourcePolicy="{")
    with pytest.raises(client.exceptions.ClientError, match="does not exist"):
        client.put_model_package_group_policy(ModelPackageGroupName="nowhere", ResourcePolicy="{}")
    arn = client.put_model_package_group_policy(ModelPackageGroupName="open", ResourcePolicy="{}")[
        "ModelPackageGroupArn"
    ]
    assert arn.endswith(":model-package-group/open")
    assert client.get_model_package_group_policy(ModelPackageGroupName="open")["ResourcePolicy"] == "{}"
    client.delete_model_package_group_policy(ModelPackageGroupName="open")
    with pytest.raises(client.exceptions.ClientError, match="Cannot find resource policy"):
        client.delete_model_package_group_policy(ModelPackageGroupName="open")
    client.put_model_package_group_policy(ModelPackageGroupName="open", ResourcePolicy="{}")
    client.delete_model_package_group(ModelPackageGroupName="open")
    client.create_model_package_group(ModelPackageGroupName="open")
    with pytest.raises(client.exceptions.ClientError, match="Cannot find resource policy"):
        client.get_model_package_group_policy(ModelPackageGroupName="open")


def test_a_model_needs_an_approved_package(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="decided")
    package = _register(cloud, "decided", ModelApprovalStatus="Rejected")
    for status in ("Rejected", "PendingManualApproval"):
        client.update_model_package(ModelPackageArn=package, ModelApprovalStatus=status)
        with pytest.raises(
            client.exceptions.ClientError, match=f"has ModelApprovalStatus {status}; a model is created"
        ):
            client.create_model(
                ModelName="decided", ExecutionRoleArn=cloud.role_arn, PrimaryContainer={"ModelPackageName": package}
            )
