"""Statements of all policies, held to AWS's Service Authorization Reference."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.synth.assembly import ENVIRONMENTS, Assembly, JsonObject
from tests.synth.cloudformation import ACCOUNT, REGION, Deployment
from tests.synth.operations.authorization_reference import actions
from tests.synth.variants import VARIANTS

_POLICIES = (
    "PolicyDocument",
    "AssumeRolePolicyDocument",
    "KeyPolicy",
    "RepositoryPolicyText",
    "ModelPackageGroupPolicy",
)
# A key policy or a queue's policy speaks of its own resource only.
_WHOLE_SERVICES = ("*", "s3:*", "kms:*", "sns:*", "sqs:*")
# Operators that hold for a request without the key.
_WITHOUT_KEY = re.compile(r"IfExists$|^Null$|^ForAllValues:|Not")
# Dependent actions that a role need not have, with the reason.
_INDEPENDENT = {
    ("cloudformation:DescribeStacks", "cloudformation:ListStacks"): "Only a request that names no stack lists all.",
    ("ec2:CreateNetworkInterface", "ec2:CreateTags"): "The guides of SageMaker and Lambda do not ask for it.",
}


def _statements(deployment: Deployment) -> Iterator[tuple[str, JsonObject]]:
    """Yield each statement with its place, and the resource that has its policy."""
    for stack, template in deployment.templates.items():
        part = stack.removeprefix(f"{deployment.name}-")
        for type_ in {one["Type"] for one in template["Resources"].values()}:
            for logical_id, resource in deployment.resources(part, type_).items():
                documents = [resource["Properties"].get(name) for name in _POLICIES]
                documents += [policy["PolicyDocument"] for policy in resource["Properties"].get("Policies", [])]
                for document in documents:
                    for statement in (document or {}).get("Statement", []):
                        yield f"{deployment.name}-{part}/{logical_id}", statement


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _arn(resource: Any) -> str:
    """Return a statement's resource as an ARN; references to a stack, a topic or a log group are their ARNs."""
    text = str(resource)
    if re.fullmatch(r"arn:aws:logs:[^:]+:\d+:log-group:\w+", text):
        return f"{text}:*"
    if text == "AWS::StackId":
        return f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/name/id"
    return f"arn:aws:sns:{REGION}:{ACCOUNT}:{text}" if re.fullmatch(r"NotificationsTopic\w+", text) else text


@pytest.fixture(scope="module")
def statements(assembly: Assembly, variants: Path) -> list[tuple[str, JsonObject]]:
    deployments = [Deployment(assembly, name) for name in ENVIRONMENTS]
    deployments += [Deployment(Assembly(variants), name) for name in VARIANTS]
    return [found for deployment in deployments for found in _statements(deployment)]


Statements = list[tuple[str, JsonObject]]


def test_every_action_exists(statements: Statements) -> None:
    found = {action for _, statement in statements for action in _listed(statement["Action"])}
    assert len(found) > 50
    assert {action for action in found if action != "*" and not any(actions(action))} == set()


def test_networks_are_covered(statements: Statements) -> None:
    assert any("-network/" in where for where, _ in statements)


def test_every_action_takes_a_resource_of_its_statement(statements: Statements) -> None:
    """Another action would never be allowed, however the statement reads."""
    useless = {
        (where, action.name)
        for where, statement in statements
        if "Resource" in statement
        for pattern in _listed(statement["Action"])
        if pattern not in _WHOLE_SERVICES and "*" not in pattern
        for action in actions(pattern)
        if not any(action.takes(_arn(resource)) for resource in _listed(statement["Resource"]))
    }
    assert useless == set()


def test_every_resource_is_taken_by_an_action_of_its_statement(statements: Statements) -> None:
    unused = {
        (where, str(resource))
        for where, statement in statements
        for resource in _listed(statement.get("Resource", []))
        if "*" not in _listed(statement["Action"])
        if not any(
            action.takes(_arn(resource)) for pattern in _listed(statement["Action"]) for action in actions(pattern)
        )
    }
    assert unused == set()


def test_every_action_knows_the_condition_keys_of_its_statement(statements: Statements) -> None:
    """An action that does not know a key is never allowed by a statement that compares it."""
    unknown = {
        (where, action.name, key)
        for where, statement in statements
        if statement["Effect"] == "Allow"
        for operator, keys in statement.get("Condition", {}).items()
        if not _WITHOUT_KEY.search(operator)
        for key in keys
        for pattern in _listed(statement["Action"])
        if "*" not in pattern
        for action in actions(pattern)
        if not action.knows(key)
    }
    assert unknown == set()


def test_the_actions_that_an_action_needs_are_allowed_too(statements: Statements) -> None:
    allowed: dict[str, set[str]] = {}
    for where, statement in statements:
        if statement["Effect"] == "Allow" and "Principal" not in statement:
            allowed.setdefault(where, set()).update(_listed(statement["Action"]))
    lacking = {
        (where, action.name, needed)
        for where, patterns in allowed.items()
        for pattern in patterns
        if "*" not in pattern
        for action in actions(pattern)
        for needed in action.dependent_actions
        if needed not in patterns and (action.name, needed) not in _INDEPENDENT
    }
    assert lacking == set()


@pytest.mark.parametrize(
    ("action", "resource", "takes"),
    [
        ("s3:GetObject", "arn:aws:s3:::bucket/bow/*", True),
        ("s3:GetObject", "arn:aws:s3:::bucket", False),
        ("s3:ListBucket", "arn:aws:s3:::bucket", True),
        ("sagemaker:CreateModel", "arn:aws:sagemaker:us-east-1:123456789012:model/pipelines-*", True),
        ("sagemaker:CreateModel", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/*", False),
        ("sagemaker:ListTrainingJobs", "arn:aws:sagemaker:us-east-1:123456789012:training-job/*", False),
        ("sagemaker:ListTrainingJobs", "*", True),
    ],
)
def test_a_resource_of_another_type_is_found(action: str, resource: str, takes: bool) -> None:
    (found,) = actions(action)
    assert found.takes(resource) is takes


@pytest.mark.parametrize(
    ("action", "key", "known"),
    [
        ("cloudformation:UpdateStack", "cloudformation:RoleArn", True),
        ("cloudformation:DescribeStacks", "cloudformation:RoleArn", False),
        ("sagemaker:DeleteModel", "aws:ResourceTag/environment", True),
        ("sagemaker:DeleteModel", "aws:RequestTag/environment", False),
        ("s3:GetObject", "aws:SecureTransport", True),
        ("s3:GetObject", "s3:prefix", False),
    ],
)
def test_a_condition_key_that_an_action_does_not_know_is_found(action: str, key: str, known: bool) -> None:
    (found,) = actions(action)
    assert found.knows(key) is known


def test_an_action_that_does_not_exist_is_found() -> None:
    assert not any(actions("s3:GetObjects"))
