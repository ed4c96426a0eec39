"""Statements of all policies, held to AWS's Service Authorization Reference.

cfn-lint ships its actions with the resource types that each one takes:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html.
"""

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint
import pytest

from tests.synth.assembly import ENVIRONMENTS, Assembly, JsonObject
from tests.synth.cloudformation import ACCOUNT, REGION, Deployment
from tests.synth.variants import VARIANTS

_POLICIES = (
    "PolicyDocument",
    "AssumeRolePolicyDocument",
    "KeyPolicy",
    "RepositoryPolicyText",
    "ModelPackageGroupPolicy",
)
_ARN = re.compile(r"arn:aws:([a-z0-9-]+):([^:]*):([^:]*):(.+)")


@cache
def _reference() -> Mapping[str, Any]:
    path = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json"
    reference: dict[str, Any] = json.loads(path.read_text())
    # Of an object's ARN, cfn-lint keeps only the bucket and makes it a pattern.
    reference["s3"]["Resources"]["object"]["ARNFormats"] = ["arn:${Partition}:s3:::.*/.*"]
    return reference


def _statements(deployment: Deployment, parts: list[str]) -> Iterator[tuple[str, JsonObject]]:
    for part in parts:
        types = {one["Type"] for one in deployment.templates[f"{deployment.name}-{part}"]["Resources"].values()}
        for type_ in types:
            for logical_id, resource in deployment.resources(part, type_).items():
                documents = [resource["Properties"].get(name) for name in _POLICIES]
                documents += [policy["PolicyDocument"] for policy in resource["Properties"].get("Policies", [])]
                for document in documents:
                    for statement in (document or {}).get("Statement", []):
                        yield f"{part}/{logical_id}", statement


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _actions(pattern: str) -> dict[str, list[str]]:
    """Return the actions that a pattern such as ``s3:GetObject*`` names, with the resource types of each."""
    service, _, name = pattern.lower().partition(":")
    there = _reference().get(service, {}).get("Actions", {})
    return {
        f"{service}:{action}": spec.get("Resources", []) for action, spec in there.items() if fnmatchcase(action, name)
    }


def _arn(resource: Any) -> str:
    """Return a statement's resource as an ARN; references to a stack or a topic are their ARNs."""
    text = str(resource)
    if text == "AWS::StackId":
        return f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/name/id"
    return f"arn:aws:sns:{REGION}:{ACCOUNT}:{text}" if re.fullmatch(r"NotificationsTopic\w+", text) else text


def _takes(action: str, types: list[str], resource: str) -> bool:
    """Return whether a resource may be one that an action takes."""
    if resource == "*":
        return True
    given = _ARN.fullmatch(resource)
    if not given:
        return False
    known = _reference()[action.partition(":")[0]]["Resources"]
    formats = [text for type_ in types for text in known.get(type_.lower(), {}).get("ARNFormats", [])]
    return any(_fits(given, text) for text in formats)


def _fits(given: "re.Match[str]", text: str) -> bool:
    wanted = re.fullmatch(r"arn:[^:]+:([a-z0-9-]+):([^:]*):([^:]*):(.+)", text)
    if not wanted or wanted[1] != given[1]:
        return False
    # A pattern in a policy may cover more than one type, or less than one name of a type.
    name, pattern = wanted[4].replace(".*", "x"), given[4].replace("*", "x")
    return fnmatchcase(name, given[4]) or re.fullmatch(wanted[4], pattern) is not None


@pytest.fixture(scope="module")
def deployments(assembly: Assembly, variants: Path) -> list[Deployment]:
    ours = [Deployment(assembly, name) for name in ENVIRONMENTS]
    return [*ours, *(Deployment(Assembly(variants), name) for name in VARIANTS)]


def _all(deployments: list[Deployment]) -> Iterator[tuple[str, JsonObject]]:
    for deployment in deployments:
        for where, statement in _statements(deployment, ["data", "training", "serving"]):
            yield f"{deployment.name}-{where}", statement


def test_every_action_exists(deployments: list[Deployment]) -> None:
    found = {action for _, statement in _all(deployments) for action in _listed(statement["Action"])}
    assert len(found) > 50
    assert {action for action in found if action != "*" and not _actions(action)} == set()


def test_every_action_takes_a_resource_of_its_statement(deployments: list[Deployment]) -> None:
    """Another action would never be allowed, however the statement reads."""
    useless = {
        (where, action)
        for where, statement in _all(deployments)
        if "Resource" in statement
        for pattern in _listed(statement["Action"])
        if pattern not in ("*", "s3:*", "kms:*", "sns:*", "sqs:*")
        for action, types in _actions(pattern).items()
        if "*" not in pattern
        if not any(_takes(action, types, _arn(resource)) for resource in _listed(statement["Resource"]))
    }
    assert useless == set()


def test_every_resource_is_taken_by_an_action_of_its_statement(deployments: list[Deployment]) -> None:
    unused = {
        (where, str(resource))
        for where, statement in _all(deployments)
        for resource in _listed(statement.get("Resource", []))
        if "*" not in _listed(statement["Action"])
        if not any(
            _takes(action, types, _arn(resource))
            for pattern in _listed(statement["Action"])
            for action, types in _actions(pattern).items()
        )
    }
    assert unused == set()


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
    ((name, types),) = _actions(action).items()
    assert _takes(name, types, resource) is takes


def test_an_action_that_does_not_exist_is_found() -> None:
    assert _actions("s3:GetObjects") == {}
