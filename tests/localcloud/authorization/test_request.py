from typing import Any

import pytest

from localcloud.authorization.request import ApiRequest

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


def test_resource_named_by_its_arn_is_used_as_is() -> None:
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/a"
    assert _request("sagemaker", "AddTags", ResourceArn=arn, Tags=[]).resource == arn
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:told"
    assert _request("sns", "Publish", TopicArn=topic, Message="x").resource == topic


def test_stack_name_matches_any_stack_of_that_name() -> None:
    request = _request("cloudformation", "GetTemplate", StackName="topics")
    assert request.resource == f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/topics/*"


def test_batch_needs_the_permission_of_a_single_message() -> None:
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
def test_tags_need_their_own_action(operation: str, tags: Any, actions: list[str]) -> None:
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
def test_passed_roles_are_found(parameters: dict[str, Any], roles: list[str]) -> None:
    assert _request("sagemaker", "CreateSomething", **parameters).passed_roles == roles


OTHER = "999999999999"


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "resources"),
    [
        ("sqs", "SendMessage", {"QueueUrl": f"http://localhost:1/{OTHER}/q"}, [f"sqs:{REGION}:{OTHER}:q"]),
        ("ecr", "BatchGetImage", {"registryId": OTHER, "repositoryName": "r"}, [f"ecr:{REGION}:{OTHER}:repository/r"]),
        ("ecr", "DescribeRepositories", {"registryId": OTHER}, [f"ecr:{REGION}:{OTHER}:repository/*"]),
        (
            "ecr",
            "DescribeRepositories",
            {"repositoryNames": ["a", "b"]},
            [f"ecr:{REGION}:{ACCOUNT}:repository/a", f"ecr:{REGION}:{ACCOUNT}:repository/b"],
        ),
        (
            "sagemaker",
            "CreateModelPackage",
            {"ModelPackageGroupName": f"arn:aws:sagemaker:{REGION}:{OTHER}:model-package-group/g"},
            [f"sagemaker:{REGION}:{OTHER}:model-package/g/1", f"sagemaker:{REGION}:{OTHER}:model-package-group/g"],
        ),
        (
            "sagemaker",
            "UpdateModelPackage",
            {"ModelPackageArn": f"arn:aws:sagemaker:{REGION}:{OTHER}:model-package/g/1"},
            [f"sagemaker:{REGION}:{OTHER}:model-package/g/1"],
        ),
    ],
)
def test_resource_of_another_account_keeps_its_account(
    service: str, operation: str, parameters: dict[str, Any], resources: list[str]
) -> None:
    assert _request(service, operation, **parameters).resources == [f"arn:aws:{resource}" for resource in resources]


def test_model_of_another_accounts_package_needs_that_package() -> None:
    def containers(*packages: str) -> list[dict[str, str]]:
        return [{"ModelPackageName": package} for package in packages]

    own, foreign = (f"arn:aws:sagemaker:{REGION}:{account}:model-package/g/1" for account in (ACCOUNT, OTHER))
    assert _request("sagemaker", "CreateModel", PrimaryContainer=containers(foreign)[0]).foreign_packages == [foreign]
    assert _request("sagemaker", "CreateModel", Containers=containers(own, foreign, "g")).foreign_packages == [foreign]
    assert _request("sagemaker", "CreateModel", PrimaryContainer={"Image": "i"}).foreign_packages == []
    assert _request("sagemaker", "DescribeModel", PrimaryContainer=containers(foreign)[0]).foreign_packages == []


def test_encryption_context_is_a_condition() -> None:
    request = _request("kms", "Decrypt", KeyId="k", EncryptionContext={"aws:s3:arn": "arn:aws:s3:::b"})
    assert request.context["kms:encryptioncontext:aws:s3:arn"] == "arn:aws:s3:::b"
