"""retry."""

import json

import pytest

from tests.topicsmith.account import Account, Invoke
from tests.topicsmith.runs.test_runs import preprocess, register, train


@pytest.fixture
def failed(deployed: Account, invoke: Invoke) -> str:
    """The id of a run whose Train failed, and which goes on to the end when it is tried again."""
    run_id = deployed.start()
    deployed.steps = [[preprocess("Succeeded"), train("Failed", FailureReason="CapacityError: none")]]
    deployed.status_at_the_end = "Failed"
    assert "Train failed: CapacityError: none" in invoke("runs", run_id).stdout
    return run_id


@pytest.mark.usefixtures("no_waiting")
def test_a_failed_run_goes_on_and_is_watched(deployed: Account, invoke: Invoke, failed: str) -> None:
    before = [preprocess("Succeeded"), train("Failed", FailureReason="CapacityError: none")]
    after = [preprocess("Succeeded"), train("Succeeded"), register()]
    deployed.steps = [before, after[:1], after[:2], after]
    result = invoke("retry", failed)
    assert result.exit_code == 0, result.output
    assert f"Run {failed} registered model version 3." in result.stdout


def test_nobody_has_to_wait(deployed: Account, invoke: Invoke, failed: str) -> None:
    deployed.steps = [[], []]
    result = invoke("retry", failed, "--no-wait")
    assert result.exit_code == 0, result.output
    assert f"Run {failed} resumed." in result.stdout
    assert f"runs {failed} --watch" in result.stdout


def test_json(deployed: Account, invoke: Invoke, failed: str) -> None:
    deployed.steps = [[], [], []]
    assert json.loads(invoke("retry", failed, "--no-wait", "--json").stdout)["status"] == "Executing"


def test_a_run_that_succeeded_has_nothing_to_try_again(deployed: Account, invoke: Invoke) -> None:
    run_id = deployed.start()
    invoke("runs", run_id)  # the state of the run follows its steps
    result = invoke("retry", run_id)
    assert result.exit_code == 1
    assert f"Run {run_id} succeeded: nothing to retry." in result.stderr


def test_a_run_that_goes_on_is_not_tried_again(deployed: Account, invoke: Invoke) -> None:
    run_id = deployed.start()
    deployed.steps = [[], []]
    result = invoke("retry", run_id)
    assert result.exit_code == 1
    assert f"Run {run_id} has not finished: it is Executing." in result.stderr
