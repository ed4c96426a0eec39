import json
import logging
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws
from mypy_boto3_cloudformation import CloudFormationClient

from lambdas.deploy_model.handler import ModelPackageStateChange, handler

_MODEL = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-dev/3"
_EVENT: ModelPackageStateChange = {"detail": {"ModelPackageArn": _MODEL}}
_TEMPLATE = {
    "Parameters": {
        "ModelPackageArn": {"Type": "String", "Default": ""},
        "Other": {"Type": "String", "Default": "as deployed"},
    },
    "Conditions": {"HasModel": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ModelPackageArn"}, ""]}]}},
    "Resources": {
        "Always": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Other"}}},
        "WithModel": {"Type": "AWS::SQS::Queue", "Condition": "HasModel"},
    },
}


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "MODEL_PARAMETER": "ModelPackageArn",
        "STACK_ID": "topicsmith-dev-serving",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFormationClient]:
    with mock_aws():
        client = boto3.client("cloudformation")
        stack = client.create_stack(
            StackName="topicsmith-dev-serving",
            TemplateBody=json.dumps(_TEMPLATE),
            Parameters=[{"ParameterKey": "Other", "ParameterValue": "changed by hand"}],
        )
        monkeypatch.setenv("STACK_ID", stack["StackId"])
        yield client


def test_the_stack_gets_the_model_and_keeps_everything_else(cloudformation: CloudFormationClient) -> None:
    answer = handler(_EVENT, None)

    assert answer == {"stack": "topicsmith-dev-serving", "model_package": _MODEL, "result": "updating"}
    (stack,) = cloudformation.describe_stacks(StackName="topicsmith-dev-serving")["Stacks"]
    assert {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]} == {
        "ModelPackageArn": _MODEL,
        "Other": "changed by hand",
    }
    resources = cloudformation.describe_stack_resources(StackName="topicsmith-dev-serving")["StackResources"]
    assert {one["LogicalResourceId"] for one in resources} == {"Always", "WithModel"}


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """A client that expects what the handler asks, and answers what CloudFormation would."""
    client = boto3.client("cloudformation")
    monkeypatch.setattr(boto3, "client", lambda _: client)
    with Stubber(client) as stubber:
        stubber.add_response(
            "describe_stacks",
            {
                "Stacks": [
                    {
                        "StackName": "topicsmith-dev-serving",
                        "CreationTime": "2026-11-20T10:00:00Z",
                        "StackStatus": "UPDATE_COMPLETE",
                        "Parameters": [
                            {"ParameterKey": "BootstrapVersion", "ParameterValue": "/cdk-bootstrap/x/version"},
                            {"ParameterKey": "ModelPackageArn", "ParameterValue": _MODEL},
                        ],
                    }
                ]
            },
            {"StackName": "topicsmith-dev-serving"},
        )
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_model_that_is_served_already_is_left_alone(stubbed: Stubber) -> None:
    stubbed.add_client_error("update_stack", "ValidationError", "No updates are to be performed.")
    assert handler(_EVENT, None)["result"] == "unchanged"


def test_a_stack_that_is_busy_is_tried_again_by_lambda(stubbed: Stubber, caplog: pytest.LogCaptureFixture) -> None:
    busy = "Stack:topicsmith-dev-serving is in UPDATE_IN_PROGRESS state and can not be updated."
    stubbed.add_client_error("update_stack", "ValidationError", busy)
    with caplog.at_level(logging.ERROR), pytest.raises(ClientError, match="UPDATE_IN_PROGRESS"):
        handler(_EVENT, None)
    assert f"topicsmith-dev-serving was not updated to serve {_MODEL}" in caplog.text


def test_nothing_but_the_model_is_given_to_cloudformation(stubbed: Stubber) -> None:
    expected = {
        "StackName": "topicsmith-dev-serving",
        "UsePreviousTemplate": True,
        "Parameters": [
            {"ParameterKey": "BootstrapVersion", "UsePreviousValue": True},
            {"ParameterKey": "ModelPackageArn", "ParameterValue": _MODEL},
        ],
        "Capabilities": ["CAPABILITY_IAM"],
    }
    stubbed.add_response("update_stack", {"StackId": "id"}, expected)
    assert handler(_EVENT, None)["result"] == "updating"
