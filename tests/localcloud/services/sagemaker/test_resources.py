import json
from typing import Any

import pytest

from tests.localcloud.services.sagemaker.hosting.support import describe, invoke, model_data
from tests.localcloud.support import ACCOUNT, BUCKET, IMAGE, REGION, SmallCloud, wait_for


def _stack(cloud: SmallCloud, verb: str, name: str, resources: dict[str, Any]) -> tuple[str, dict[str, str], list[str]]:
    """Create or update a stack and return its status, outputs and failure reasons."""
    client = cloud.client("cloudformation")
    outputs = {
        f"{key}{kind}": {"Value": {"Ref": key} if kind == "Ref" else {"Fn::GetAtt": [key, kind]}}
        for key, resource in resources.items()
        for kind in ("Ref", *_ATTRIBUTES.get(resource["Type"], ()))
    }
    template = json.dumps({"Resources": resources, "Outputs": outputs})
    getattr(client, f"{verb}_stack")(StackName=name, TemplateBody=template)

    def look() -> dict[str, Any] | None:
        stack: dict[str, Any] = client.describe_stacks(StackName=name)["Stacks"][0]
        return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

    stack = wait_for(look)
    events = client.describe_stack_events(StackName=name)["StackEvents"]
    reasons = [event["ResourceStatusReason"] for event in events if event["ResourceStatus"].endswith("_FAILED")]
    return stack["StackStatus"], {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}, reasons


_ATTRIBUTES = {
    "AWS::SageMaker::ModelPackageGroup": ("ModelPackageGroupArn",),
    "AWS::SageMaker::Endpoint": ("EndpointName",),
}


def _definition(answer: int) -> str:
    step = {"Name": "Only", "Type": "Lambda", "FunctionArn": "arn", "Arguments": {"answer": answer}}
    return json.dumps({"Version": "2020-12-01", "Steps": [step]})


def test_pipeline_and_group_have_the_names_and_arns_of_aws(cloud: SmallCloud) -> None:
    def resources(answer: int) -> dict[str, Any]:
        pipeline = {
            "PipelineName": "stacked",
            "PipelineDefinition": {"PipelineDefinitionBody": _definition(answer)},
            "RoleArn": cloud.role_arn,
        }
        return {
            "Pipeline": {"Type": "AWS::SageMaker::Pipeline", "Properties": pipeline},
            "Group": {
                "Type": "AWS::SageMaker::ModelPackageGroup",
                "Properties": {"ModelPackageGroupName": "stacked"},
            },
        }

    status, outputs, _ = _stack(cloud, "create", "records", resources(1))
    group = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/stacked"
    assert status == "CREATE_COMPLETE"
    assert outputs == {"PipelineRef": "stacked", "GroupRef": group, "GroupModelPackageGroupArn": group}
    client = cloud.client("sagemaker")
    assert client.describe_pipeline(PipelineName="stacked")["PipelineDefinition"] == _definition(1)
    assert _stack(cloud, "update", "records", resources(2))[0] == "UPDATE_COMPLETE"
    assert client.describe_pipeline(PipelineName="stacked")["PipelineDefinition"] == _definition(2)
    cloud.client("cloudformation").delete_stack(StackName="records")
    wait_for(lambda: not client.list_pipelines(PipelineNamePrefix="stacked")["PipelineSummaries"])


def test_a_groups_policy_is_updated_in_place_and_keeps_its_packages(cloud: SmallCloud) -> None:
    def resources(description: str, policy: Any = None) -> dict[str, Any]:
        properties = {"ModelPackageGroupName": "shared", "ModelPackageGroupDescription": description}
        if policy is not None:
            properties["ModelPackageGroupPolicy"] = policy
        return {"Group": {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": properties}}

    client = cloud.client("sagemaker")
    policy = {"Version": "2012-10-17", "Statement": []}
    assert _stack(cloud, "create", "shared", resources("a"))[0] == "CREATE_COMPLETE"
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
    client.create_model_package(ModelPackageGroupName="shared", InferenceSpecification={"Containers": [container]})
    for given in (policy, json.dumps(policy)):
        assert _stack(cloud, "update", "shared", resources("a", given))[0] == "UPDATE_COMPLETE"
        held = client.get_model_package_group_policy(ModelPackageGroupName="shared")["ResourcePolicy"]
        assert json.loads(held) == policy
    assert len(client.list_model_packages(ModelPackageGroupName="shared")["ModelPackageSummaryList"]) == 1
    status, _, reasons = _stack(cloud, "update", "shared", resources("b", policy))
    assert (status, "already exists" in reasons[0]) == ("UPDATE_ROLLBACK_COMPLETE", True)
    assert _stack(cloud, "update", "shared", resources("a"))[0] == "UPDATE_COMPLETE"
    with pytest.raises(client.exceptions.ClientError, match="Cannot find resource policy"):
        client.get_model_package_group_policy(ModelPackageGroupName="shared")


def test_endpoint_stack_waits_swaps_and_rolls_back(cloud: SmallCloud) -> None:
    def resources(answer: str) -> dict[str, Any]:
        model = {
            "ExecutionRoleArn": cloud.role_arn,
            "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": model_data(cloud, f"stack-{answer}", answer)},
        }
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m6i.large",
            "InitialVariantWeight": 1,
        }
        endpoint = {
            "EndpointName": "stacked",
            "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
            "RetainAllVariantProperties": True,
        }
        return {
            "Model": {"Type": "AWS::SageMaker::Model", "Properties": model},
            "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
            "Endpoint": {"Type": "AWS::SageMaker::Endpoint", "Properties": endpoint},
        }

    status, outputs, reasons = _stack(cloud, "create", "serving", resources("first"))
    assert status == "CREATE_COMPLETE", reasons
    assert outputs["EndpointRef"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/stacked"
    assert outputs["EndpointEndpointName"] == "stacked"
    assert invoke(cloud, "stacked")["answer"] == "first"
    status, _, reasons = _stack(cloud, "update", "serving", resources("second"))
    assert status == "UPDATE_COMPLETE", reasons
    assert invoke(cloud, "stacked")["answer"] == "second"
    pid = invoke(cloud, "stacked", b"pid")
    before = describe(cloud, "stacked")["EndpointConfigName"]
    status, _, reasons = _stack(cloud, "update", "serving", resources("broken"))
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert "did not pass the ping health check" in reasons[0]
    assert invoke(cloud, "stacked", b"pid") == pid
    assert describe(cloud, "stacked")["EndpointConfigName"] == before
    configs = cloud.client("sagemaker").list_endpoint_configs(NameContains="serving-Config")["EndpointConfigs"]
    assert [config["EndpointConfigName"] for config in configs] == [before]
    cloud.client("cloudformation").delete_stack(StackName="serving")
    wait_for(lambda: not cloud.client("sagemaker").list_endpoints(NameContains="stacked")["Endpoints"])


def test_endpoint_that_fails_to_start_fails_its_stack(cloud: SmallCloud) -> None:
    model = {
        "ExecutionRoleArn": cloud.role_arn,
        "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": model_data(cloud, "stack-stillborn", "broken")},
    }
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m6i.large",
    }
    resources = {
        "Model": {"Type": "AWS::SageMaker::Model", "Properties": model},
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {"EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
        },
    }
    status, _, reasons = _stack(cloud, "create", "stillborn", resources)
    assert status == "ROLLBACK_COMPLETE"
    assert "this model cannot be served" in reasons[0]
    assert not cloud.client("sagemaker").list_endpoints(NameContains="stillborn")["Endpoints"]


def test_endpoint_with_every_property_is_deployed(cloud: SmallCloud) -> None:
    def model(name: str) -> dict[str, Any]:
        data = model_data(cloud, f"whole-{name}", name)
        container = {"Image": IMAGE, "ModelDataUrl": data}
        return {
            "Type": "AWS::SageMaker::Model",
            "Properties": {"ExecutionRoleArn": cloud.role_arn, "PrimaryContainer": container},
        }

    def variant(name: str, model_id: str) -> dict[str, Any]:
        return {
            "VariantName": name,
            "ModelName": {"Fn::GetAtt": [model_id, "ModelName"]},
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m6i.large",
            "InitialVariantWeight": 1,
        }

    traffic = {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": 60,
    }
    deployment = {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "whole-5xx"}]},
    }
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 50,
        "DestinationS3Uri": f"s3://{BUCKET}/captured",
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
    }
    resources = {
        "First": model("first"),
        "Second": model("second"),
        "Config": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {
                "ProductionVariants": [variant("AllTraffic", "First")],
                "ShadowProductionVariants": [variant("Shadow", "Second")],
                "DataCaptureConfig": capture,
                "EnableNetworkIsolation": True,
            },
        },
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {
                "EndpointName": "whole",
                "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
                "DeploymentConfig": deployment,
            },
        },
    }
    status, _, reasons = _stack(cloud, "create", "whole", resources)
    assert status == "CREATE_COMPLETE", reasons
    endpoint = describe(cloud, "whole")
    assert endpoint["LastDeploymentConfig"] == deployment
    assert endpoint["DataCaptureConfig"]["CurrentSamplingPercentage"] == 50
    assert [item["VariantName"] for item in endpoint["ShadowProductionVariants"]] == ["Shadow"]
    assert not invoke(cloud, "whole")["has_credentials"]
    resources["First"] = model("third")
    status, _, reasons = _stack(cloud, "update", "whole", resources)
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert "alarms that do not exist: whole-5xx" in reasons[0]
    assert invoke(cloud, "whole")["answer"] == "first"
