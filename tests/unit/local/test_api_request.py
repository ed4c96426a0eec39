from typing import Any

import pytest

from topicsmith.local.api_request import ApiRequest

ACCOUNT, REGION = "123456789012", "eu-west-1"


def _request(service: str, operation: str, **parameters: Any) -> ApiRequest:
    return ApiRequest(service, operation, REGION, ACCOUNT, parameters=parameters)


@pytest.mark.parametrize(
    ("operation", "parameters", "resource"),
    [
        ("CreateProcessingJob", {"ProcessingJobName": "a"}, "processing-job/a"),
        ("CreateTransformJob", {"ModelName": "m", "TransformJobName": "a"}, "transform-job/a"),
        ("CreateModel", {"ModelName": "m"}, "model/m"),
        ("StopHyperParameterTuningJob", {"HyperParameterTuningJobName": "a"}, "hyper-parameter-tuning-job/a"),
        (
            "ListTrainingJobsForHyperParameterTuningJob",
            {"HyperParameterTuningJobName": "a"},
            "hyper-parameter-tuning-job/a",
        ),
    ],
)
def test_jobs_are_resources(operation: str, parameters: dict[str, Any], resource: str) -> None:
    request = _request("sagemaker", operation, **parameters)
    assert request.action == f"sagemaker:{operation}"
    assert request.resource == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{resource}"


def test_resource_that_is_named_by_its_arn_is_that() -> None:
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/a"
    assert _request("sagemaker", "AddTags", ResourceArn=arn, Tags=[]).resource == arn
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:told"
    assert _request("sns", "Publish", TopicArn=topic, Message="x").resource == topic


def test_batch_of_messages_needs_the_right_to_one() -> None:
    url = f"http://localhost:4577/{ACCOUNT}/letters"
    request = _request("sqs", "DeleteMessageBatch", QueueUrl=url, Entries=[])
    assert (request.action, request.resource) == ("sqs:DeleteMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:letters")
    assert _request("sqs", "CreateQueue", QueueName="new").resource == f"arn:aws:sqs:{REGION}:{ACCOUNT}:new"


@pytest.mark.parametrize(
    ("operation", "tags", "actions"),
    [
        ("CreateTrainingJob", [{"Key": "a", "Value": "b"}], ["sagemaker:AddTags"]),
        ("CreateTrainingJob", [], []),
        ("StopTrainingJob", None, []),
    ],
)
def test_tags_need_an_action_of_their_own(operation: str, tags: Any, actions: list[str]) -> None:
    assert _request("sagemaker", operation, TrainingJobName="a", Tags=tags).further_actions == actions


@pytest.mark.parametrize(
    ("parameters", "roles"),
    [
        ({"RoleArn": "arn:a"}, ["arn:a"]),
        ({"TrainingJobDefinition": {"RoleArn": "arn:b"}}, ["arn:b"]),
        ({"ExecutionRoleArn": "arn:c"}, ["arn:c"]),
        ({"TrainingJobDefinition": {}}, []),
        ({}, []),
    ],
)
def test_roles_that_are_handed_on_are_found(parameters: dict[str, Any], roles: list[str]) -> None:
    assert _request("sagemaker", "CreateSomething", **parameters).passed_roles == roles
