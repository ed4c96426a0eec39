"""A role that lacks its permissions fails the step that needs them, and the reason names the action."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import Clients, versions

Take = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def without_grants(clients: Clients) -> Take:
    """Context manager that takes actions, by default all, from a role's inline policies for the duration of a block."""

    @contextmanager
    def taken_away(part: str, actions: Sequence[str] = ("*",)) -> Iterator[None]:
        iam = clients("iam")
        # Names are cut, logical ids are not.
        pages = (
            clients("cloudformation")
            .get_paginator("list_stack_resources")
            .paginate(StackName="topicsmith-small-training")
        )
        (name,) = [
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::IAM::Role" and part in resource["LogicalResourceId"]
        ]
        policies = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        assert policies
        deny = {"Effect": "Deny", "Action": list(actions), "Resource": "*"}
        for policy, document in policies.items():
            denying = {**document, "Statement": [*document["Statement"], deny]}
            if "*" in actions:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
            else:
                iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(denying))
        try:
            yield
        finally:
            for policy, document in policies.items():
                iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))

    return taken_away


@pytest.mark.parametrize(
    ("role", "step", "action"),
    [
        ("PipelineRole", "Preprocess", "lambda:InvokeFunction"),
        ("PreprocessRole", "Preprocess", "s3:"),
        ("TrainingRole", "Train", "s3:"),
        ("EvaluationRole", "Evaluate", "s3:"),
        ("VectorizationRole", "CreateModel", "ecr:GetAuthorizationToken"),
    ],
)
def test_a_role_without_its_grants_fails_its_step(
    small_run: Any,
    small: Operator,
    corpus: Path,
    clients: Clients,
    without_grants: Take,
    role: str,
    step: str,
    action: str,
) -> None:
    before = versions(clients, "small")
    with without_grants(role):
        failed = small.attempt("run", corpus)
    assert failed.returncode == 1
    assert f"{step} failed" in failed.stderr
    assert action in failed.stderr
    # CreateModel runs in parallel with Register.
    assert len(versions(clients, "small")) - len(before) <= (step == "CreateModel")


def test_the_pipeline_must_be_allowed_to_describe_what_it_creates(
    small_run: Any, small: Operator, corpus: Path, clients: Clients, without_grants: Take
) -> None:
    """SageMaker describes models and packages with the pipeline's role once they are created."""
    before = versions(clients, "small")
    with without_grants("PipelineRole", ["sagemaker:DescribeModel", "sagemaker:DescribeModelPackage"]):
        failed = small.attempt("run", corpus)
    assert failed.returncode == 1
    assert "sagemaker:DescribeModel" in failed.stderr
    for arn in set(versions(clients, "small")) - set(before):
        clients("sagemaker").delete_model_package(ModelPackageName=arn)
