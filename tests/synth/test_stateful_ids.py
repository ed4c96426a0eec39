"""No change of the code replaces a stateful resource unintentionally."""

import json

import pytest

from tests.synth.assembly import Assembly
from tests.synth.stateful_ids import LOCK, Resource, Stacks, explain, lost, stateful_resources

_BUCKET = {"Type": "AWS::S3::Bucket"}
_GROUP = {"Type": "AWS::SageMaker::ModelPackageGroup", "ModelPackageGroupName": "topics"}
_LOCKED: Stacks = {"data": {"Bucket1": _BUCKET}, "training": {"Group1": _GROUP}}


@pytest.fixture
def found(assembly: Assembly) -> Stacks:
    return stateful_resources(assembly.directory)


def test_stateful_resources_keep_their_identity(found: Stacks) -> None:
    lines = lost(json.loads(LOCK.read_text()), found)
    assert not lines, explain(lines)


def test_new_stateful_resources_are_locked(found: Stacks) -> None:
    locked = json.loads(LOCK.read_text())
    new = [f"{stack}: {name}" for stack, ids in found.items() for name in ids if name not in locked.get(stack, {})]
    assert not new, f"not locked yet: {', '.join(new)}; run make stateful-ids and commit tests/synth/stateful-ids.json"


def test_the_data_of_every_environment_is_guarded(found: Stacks, environment: str) -> None:
    def types(part: str) -> set[str]:
        return {resource["Type"] for resource in found[f"topicsmith-{environment}-{part}"].values()}

    assert types("data") >= {"AWS::S3::Bucket", "AWS::KMS::Key"}
    assert types("training") >= {"AWS::SageMaker::ModelPackageGroup", "AWS::SNS::Topic", "AWS::Logs::LogGroup"}
    assert types("serving") >= {"AWS::SageMaker::Endpoint", "AWS::SQS::Queue", "AWS::Logs::LogGroup"}


def test_create_only_properties_are_guarded(found: Stacks, environment: str) -> None:
    group = found[f"topicsmith-{environment}-training"]["RegistryGroupF9A457C4"]
    assert group.keys() == {"Type", "ModelPackageGroupName", "ModelPackageGroupDescription"}
    assert found[f"topicsmith-{environment}-serving"]["Endpoint8024A810"]["EndpointName"] == f"topicsmith-{environment}"


@pytest.mark.parametrize(
    ("training", "line"),
    [
        ({"Group1": _GROUP}, None),
        ({"Group1": _GROUP, "Group2": _GROUP}, None),
        ({}, "training: AWS::SageMaker::ModelPackageGroup Group1 is gone, and with it the registered models"),
        (
            {"Group2": _GROUP, "Bucket2": _BUCKET},
            "training: AWS::SageMaker::ModelPackageGroup Group1 is gone, and with it the registered models; "
            "new resources of this type: Group2",
        ),
        (
            {"Group1": {**_GROUP, "ModelPackageGroupName": "topics-2"}},
            "training: AWS::SageMaker::ModelPackageGroup Group1 is replaced, and with it the registered models: "
            "ModelPackageGroupName 'topics' → 'topics-2'",
        ),
        (
            {"Group1": {"Type": "AWS::SageMaker::ModelPackageGroup"}},
            "training: AWS::SageMaker::ModelPackageGroup Group1 is replaced, and with it the registered models: "
            "ModelPackageGroupName 'topics' → None",
        ),
        (
            {"Group1": {"Type": "AWS::SQS::Queue"}},
            "training: AWS::SageMaker::ModelPackageGroup Group1 is replaced, and with it the registered models: "
            "ModelPackageGroupName 'topics' → None, Type 'AWS::SageMaker::ModelPackageGroup' → 'AWS::SQS::Queue'",
        ),
    ],
)
def test_the_report_of_a_change(training: dict[str, Resource], line: str | None) -> None:
    found: Stacks = {"data": {"Bucket1": _BUCKET}, "training": training}
    assert lost(_LOCKED, found) == ([f"  {line}"] if line else [])


def test_renaming_a_stack_loses_its_resources() -> None:
    assert lost(_LOCKED, {"store": _LOCKED["data"], "training": _LOCKED["training"]}) == [
        "  data: AWS::S3::Bucket Bucket1 is gone, and with it its objects"
    ]


def test_the_ways_out_are_named() -> None:
    text = explain(lost(_LOCKED, {}))
    assert "AWS::S3::Bucket Bucket1" in text
    for way in ("override_logical_id", "cdk refactor --unstable=refactor", "cdk import", "make stateful-ids"):
        assert way in text
