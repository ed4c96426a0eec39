"""A role that lacks its permissions fails the step that needs them, and the reason names the action."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import Clients, versions


@pytest.fixture
def without_policy(clients: Clients) -> Callable[[str], AbstractContextManager[None]]:
    """Context manager that removes a role's inline policies for the duration of a block."""

    @contextmanager
    def taken_away(part: str) -> Iterator[None]:
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
        for policy in policies:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
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
        ("VectorizationRole", "CreateModel", "ecr:BatchGetImage"),
    ],
)
def test_a_role_without_its_grants_fails_its_step(
    small_run: Any,
    small: Operator,
    corpus: Path,
    clients: Clients,
    without_policy: Callable[[str], AbstractContextManager[None]],
    role: str,
    step: str,
    action: str,
) -> None:
    before = versions(clients, "small")
    with without_policy(role):
        failed = small.attempt("run", corpus)
    assert failed.returncode == 1
    assert f"{step} failed" in failed.stderr
    assert action in failed.stderr
    # CreateModel runs in parallel with Register.
    assert len(versions(clients, "small")) - len(before) <= (step == "CreateModel")
