from typing import Any

import pytest

from localcloud.services.sagemaker.pipelines.graph import Branch, DefinitionError, plan


def _step(name: str, kind: str = "Lambda", refers_to: str | None = None, **more: Any) -> dict[str, Any]:
    arguments = {"x": {"Get": f"Steps.{refers_to}.y"}} if refers_to else {}
    return {"Name": name, "Type": kind, "Arguments": arguments, **more}


def _condition(
    name: str, refers_to: str, if_steps: list[dict[str, Any]], else_steps: list[dict[str, Any]]
) -> dict[str, Any]:
    left = {"Std:JsonGet": {"PropertyFile": {"Get": f"Steps.{refers_to}.PropertyFiles.Report"}, "Path": "x"}}
    conditions = [{"Type": "GreaterThan", "LeftValue": left, "RightValue": 1}]
    arguments = {"Conditions": conditions, "IfSteps": if_steps, "ElseSteps": else_steps}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def test_steps_of_branches_wait_for_condition_and_references() -> None:
    planned = plan(
        [
            _step("Train"),
            _step("Evaluate", refers_to="Train"),
            _condition(
                "Gate",
                "Evaluate",
                [_step("Register", refers_to="Train"), _step("After", refers_to="Register")],
                [_step("Rejected", "Fail")],
            ),
        ]
    )
    assert {name: set(step.waits) for name, step in planned.items()} == {
        "Train": set(),
        "Evaluate": {"Train"},
        "Gate": {"Evaluate"},
        "Register": {"Gate", "Train"},
        "After": {"Gate", "Register"},
        "Rejected": {"Gate"},
    }
    assert planned["Register"].branch == Branch("Gate", True)
    assert planned["Rejected"].branch == Branch("Gate", False)
    assert planned["Evaluate"].branch is None
    assert set(planned["Gate"].arguments) == {"Conditions"}


def test_conditions_may_be_nested_in_branches() -> None:
    inner = _condition("Inner", "Two", [_step("Three")], [])
    planned = plan([_step("One"), _condition("Outer", "One", [_step("Two"), inner], [])])
    assert planned["Inner"].branch == Branch("Outer", True)
    assert planned["Three"].waits == {"Inner"}


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([_step("One", refers_to="Two")], "Step 'One' refers to Two, which is not a step"),
        ([_step("One"), _condition("Gate", "One", [_step("One")], [])], "must be unique; they are One, Gate, One"),
        ([_step("One", "Fail"), _step("Two", DependsOn=["One"])], "Two can not depends on One"),
        ([_step("One step")], "Step name 'One step' must have 1 to 64 letters"),
        ([_step("O" * 65)], "must have 1 to 64 letters"),
        (
            [_step("One", RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"]}])],
            "of type Lambda have no RetryPolicies",
        ),
        (
            [_step("One", "Training", RetryPolicies=[{"ExceptionType": ["SageMaker.JOB"]}])],
            "ExceptionType SageMaker.JOB",
        ),
        (
            [_step("One", "Training", RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 21}])],
            "Step 'One': RetryPolicies has MaxAttempts 21; it must be between 0 and 20",
        ),
        ([_step("One", refers_to="Two"), _step("Two", refers_to="One")], "wait for each other"),
        ([_step("One"), _condition("Gate", "In", [_step("In")], [])], "wait for each other"),
        ([_step("Gate", "Condition")], "Step 'Gate' has no Conditions"),
        (
            [_step("One", "Training", CacheConfig={"Enabled": True, "ExpireAfter": "30d"})],
            "Step 'One': CacheConfig.ExpireAfter is '30d'; it must be a duration like P30D",
        ),
    ],
)
def test_inconsistent_steps_are_refused(steps: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(DefinitionError, match=complaint):
        plan(steps)
