import json
from typing import Any

from tests.unit.local.support import ACCOUNT, IMAGE, REGION, SmallCloud, wait_for
from tests.unit.local.test_endpoints import _invoke, _model_data


def _stack(cloud: SmallCloud, verb: str, name: str, resources: dict[str, Any]) -> tuple[str, dict[str, str], list[str]]:
    """Create or update a stack; return its status, its outputs and the reasons of what failed."""
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


def test_endpoint_stack_waits_swaps_and_rolls_back(cloud: SmallCloud) -> None:
    def resources(answer: str) -> dict[str, Any]:
        model = {
            "ExecutionRoleArn": cloud.role_arn,
            "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": _model_data(cloud, f"stack-{answer}", answer)},
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
    assert _invoke(cloud, "stacked")["answer"] == "first"
    status, _, reasons = _stack(cloud, "update", "serving", resources("second"))
    assert status == "UPDATE_COMPLETE", reasons
    assert _invoke(cloud, "stacked")["answer"] == "second"
    status, _, reasons = _stack(cloud, "update", "serving", resources("broken"))
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert "did not pass the ping health check" in reasons[0]
    assert _invoke(cloud, "stacked")["answer"] == "second"
    cloud.client("cloudformation").delete_stack(StackName="serving")
    wait_for(lambda: not cloud.client("sagemaker").list_endpoints(NameContains="stacked")["Endpoints"])


def test_endpoint_that_does_not_come_up_fails_its_stack(cloud: SmallCloud) -> None:
    model = {
        "ExecutionRoleArn": cloud.role_arn,
        "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": _model_data(cloud, "stack-stillborn", "broken")},
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
