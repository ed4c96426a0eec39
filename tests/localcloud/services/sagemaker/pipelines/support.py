"""Helpers for tests of pipelines in a small cloud."""

import json
from typing import Any

from tests.localcloud.support import SmallCloud, wait_for

ENDED = ("Succeeded", "Failed", "Stopped")


def lambda_step(name: str, arn: str, arguments: dict[str, Any], outputs: list[str], **more: Any) -> dict[str, Any]:
    declared = [{"OutputName": output, "OutputType": "String"} for output in outputs]
    return {
        "Name": name,
        "Type": "Lambda",
        "FunctionArn": arn,
        "Arguments": arguments,
        "OutputParameters": declared,
        **more,
    }


def make_pipeline(cloud: SmallCloud, name: str, steps: list[dict[str, Any]], **parameters: Any) -> None:
    declared = [
        {"Name": key, "Type": kind, **({} if default is None else {"DefaultValue": default})}
        for key, (kind, default) in parameters.items()
    ]
    definition = {"Version": "2020-12-01", "Metadata": {}, "Parameters": declared, "Steps": steps}
    cloud.client("sagemaker").create_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps(definition),
        RoleArn=cloud.role_arn,
        ClientRequestToken="t" * 32,
    )


def start(cloud: SmallCloud, name: str, **parameters: str) -> str:
    given = [{"Name": key, "Value": value} for key, value in parameters.items()]
    started = cloud.client("sagemaker").start_pipeline_execution(PipelineName=name, PipelineParameters=given)
    return str(started["PipelineExecutionArn"])


def outcome(cloud: SmallCloud, arn: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Wait for an execution to finish; return it and its steps by name, in start order."""
    client = cloud.client("sagemaker")

    def look() -> dict[str, Any] | None:
        execution: dict[str, Any] = client.describe_pipeline_execution(PipelineExecutionArn=arn)
        return execution if execution["PipelineExecutionStatus"] in ENDED else None

    execution = wait_for(look)
    steps = client.list_pipeline_execution_steps(PipelineExecutionArn=arn, SortOrder="Ascending")
    return execution, {step["StepName"]: step for step in steps["PipelineExecutionSteps"]}
