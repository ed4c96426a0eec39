"""Changes of a pipeline's definition, the gate first, then step by step."""

import json
from typing import Any

import pytest

from tests.topicsmith.diff.support import Case, compare_all, resource
from topicsmith.diff.model.changes import Change, Risk

_HASH = "a" * 64


def _condition(threshold: float, path: str = "metrics.npmi") -> dict[str, Any]:
    return {"Type": "GreaterThanOrEqualTo", "LeftValue": {"Std:JsonGet": {"Path": path}}, "RightValue": threshold}


def _definition(**changed: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "train": "Train",
        "epochs": "40",
        "image": f"repository:{_HASH}",
        "isolated": True,
        "key": "key",
        "conditions": [_condition(0.1)],
        "topics": 20,
        "extra": [],
        "approval": "PendingManualApproval",
        "gated": True,
        **changed,
    }
    train = {
        "HyperParameters": {"epochs": said["epochs"], "optimizer": "adam"},
        "TrainingImage": said["image"],
        "EnableNetworkIsolation": said["isolated"],
        "OutputDataConfig": {"KmsKeyId": said["key"]} if said["key"] else {},
        "Tags": said.get("tags", []),
    }
    register = {
        "Name": "Register",
        "Type": "RegisterModel",
        "Arguments": {"ModelApprovalStatus": said["approval"]},
    }
    gate = {
        "Conditions": said["conditions"],
        "IfSteps": [register] if said["gated"] else [],
        "ElseSteps": [],
    }
    model = {"Get": f"Steps.{said['train']}.Model"}
    return {
        "Parameters": [{"Name": "NumTopics", "DefaultValue": said["topics"]}],
        "Steps": [
            {"Name": said["train"], "Type": "Training", "Arguments": train},
            {"Name": "Evaluate", "Type": "Processing", "Arguments": {"Model": model}},
            *said["extra"],
            {"Name": "Gate", "Type": "Condition", "Arguments": gate},
            *([] if said["gated"] else [register]),
        ],
    }


def _pipeline(**changed: Any) -> dict[str, Any]:
    text = json.dumps(_definition(**changed))
    return {"Pipeline": resource("AWS::SageMaker::Pipeline", PipelineDefinition={"PipelineDefinitionBody": text})}


_STEP = {"Name": "Vectorize", "Type": "Transform", "Arguments": {}}
CASES: dict[str, dict[str, Any]] = {
    "easier": {"conditions": [_condition(0.05)]},
    "harder": {"conditions": [_condition(0.2)]},
    "no threshold": {"conditions": []},
    "another threshold": {"conditions": [_condition(0.1), _condition(0.5, "metrics.topic_uniqueness")]},
    "argument": {"epochs": "80"},
    "step": {"extra": [_STEP]},
    "name": {"train": "TrainFinal"},
    "isolation": {"isolated": False},
    "key": {"key": None},
    "default": {"topics": 30},
    "image": {"image": f"repository:{'b' * 64}"},
    "tags": {"tags": [{"Key": "team", "Value": "nlp"}]},
    "approved": {"approval": "Approved"},
    "not gated": {"gated": False},
}


@pytest.fixture(scope="module")
def changes() -> dict[str, list[Change]]:
    return compare_all({name: Case(_pipeline(), _pipeline(**one)) for name, one in CASES.items()})


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("easier", "metrics.npmi ≥ 0.1 → 0.05 (easier to pass)"),
        ("harder", "metrics.npmi ≥ 0.1 → 0.2 (harder to pass)"),
        ("no threshold", "metrics.npmi ≥ 0.1 → — (easier to pass)"),
        ("another threshold", "metrics.topic_uniqueness ≥ — → 0.5 (harder to pass)"),
        ("argument", "HyperParameters.epochs: 40 → 80"),
        ("step", "+ Vectorize (Transform)"),
        ("name", "Train is renamed TrainFinal"),
        ("default", "Parameters[NumTopics].DefaultValue: 20 → 30"),
    ],
)
def test_a_change_of_behaviour_is_one_line(changes: dict[str, list[Change]], name: str, line: str) -> None:
    (change,) = changes[name]
    assert change.risk is Risk.BEHAVIOUR
    assert change.details == (line,)


@pytest.mark.parametrize(
    ("name", "message", "line"),
    [
        (
            "approved",
            "Register approves every model automatically: models are served without a review",
            "ModelApprovalStatus: PendingManualApproval → Approved",
        ),
        (
            "not gated",
            "Register no longer depends on Gate: every model is registered",
            "Register: Gate: IfSteps → always",
        ),
    ],
)
def test_a_bypass_of_gate_or_approval_is_reported_with_the_gate_and_once(
    changes: dict[str, list[Change]], name: str, message: str, line: str
) -> None:
    (change,) = changes[name]
    assert (change.rule, change.order) == ("gate", 0)
    assert change.message == f"Pipeline Pipeline, {message}."
    assert change.details == (line,)


def test_a_guarding_argument_is_an_access_change(changes: dict[str, list[Change]]) -> None:
    (change,) = changes["isolation"]
    assert (change.risk, change.rule) == (Risk.ACCESS, "guard-off")
    assert change.message == "Pipeline Pipeline, step Train: the container can use the network."


def test_removed_encryption_is_a_data_change(changes: dict[str, list[Change]]) -> None:
    (change,) = changes["key"]
    assert (change.risk, change.dangerous) == (Risk.DATA, True)


@pytest.mark.parametrize(("name", "rule"), [("image", "code"), ("tags", "tags")])
def test_minor_changes_are_folded(changes: dict[str, list[Change]], name: str, rule: str) -> None:
    (change,) = changes[name]
    assert (change.risk, change.rule) == (Risk.REST, rule)


def test_new_code_names_the_steps(changes: dict[str, list[Change]]) -> None:
    assert changes["image"][0].message == "New code: Pipeline Pipeline (Train)."


def test_the_gate_comes_before_all_other_behaviour() -> None:
    other = _pipeline(conditions=[_condition(0)], epochs="80", extra=[_STEP])
    first, *rest = compare_all({"all": Case(_pipeline(), other)})["all"]
    assert first.rule == "gate"
    assert {change.rule for change in rest} == {"arguments", "steps"}
