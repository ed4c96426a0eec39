import json
from typing import Any

import pytest

from tests.localcloud.support import BUCKET, SmallCloud, wait_for


def _resources(cloud: SmallCloud, answer: int, *, permitted: bool) -> dict[str, Any]:
    key = f"stacked/{answer}.zip"
    cloud.put(
        key, cloud.package({"index.py": f"def handler(event, context):\n    print('said')\n    return {answer}\n"})
    )
    function = {
        "Code": {"S3Bucket": BUCKET, "S3Key": key},
        "Handler": "index.handler",
        "Role": cloud.role_arn,
        "Runtime": "python3.13",
        "LoggingConfig": {"LogGroup": {"Ref": "Logs"}},
        "Environment": {"Variables": {"GROUP_ARN": {"Fn::GetAtt": ["Logs", "Arn"]}}},
    }
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Fn::GetAtt": ["Function", "Arn"]},
        "Principal": "events.amazonaws.com",
        "SourceArn": "arn:aws:events:us-east-1:123456789012:rule/x",
    }
    resources: dict[str, Any] = {
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "stacked-logs"}},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
    }
    if permitted:
        resources["Permission"] = {"Type": "AWS::Lambda::Permission", "Properties": permission}
    return resources


def _deploy(cloud: SmallCloud, verb: str, resources: dict[str, Any]) -> str:
    client = cloud.client("cloudformation")
    template = json.dumps({"Resources": resources, "Outputs": {"Name": {"Value": {"Ref": "Function"}}}})
    getattr(client, f"{verb}_stack")(StackName="functions", TemplateBody=template)

    def look() -> dict[str, Any] | None:
        stack: dict[str, Any] = client.describe_stacks(StackName="functions")["Stacks"][0]
        return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

    stack = wait_for(look)
    assert stack["StackStatus"] == f"{verb.upper()}_COMPLETE"
    return str(stack["Outputs"][0]["OutputValue"])


def test_function_of_a_stack_logs_to_its_group_and_is_updated(cloud: SmallCloud) -> None:
    client = cloud.client("lambda")
    name = _deploy(cloud, "create", _resources(cloud, 1, permitted=True))
    assert client.invoke(FunctionName=name)["Payload"].read() == b"1"
    assert "said" in cloud.log("stacked-logs")
    configuration = client.get_function_configuration(FunctionName=name)
    assert configuration["LoggingConfig"]["LogGroup"] == "stacked-logs"
    assert configuration["Environment"]["Variables"]["GROUP_ARN"].endswith(":log-group:stacked-logs:*")
    statements = json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"]
    assert [statement["Principal"] for statement in statements] == [{"Service": "events.amazonaws.com"}]
    assert _deploy(cloud, "update", _resources(cloud, 2, permitted=False)) == name
    assert client.invoke(FunctionName=name)["Payload"].read() == b"2"
    assert len([line for line in cloud.log("stacked-logs") if line == "said"]) == 2
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName=name)
    cloud.client("cloudformation").delete_stack(StackName="functions")
    wait_for(lambda: name not in [item["FunctionName"] for item in client.list_functions()["Functions"]])
