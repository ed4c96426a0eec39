"""The ``retry`` command."""

import json

import pytest

from tests.topicsmith.account import Account, Invoke
from tests.topicsmith.runs.test_runs import preprocess, register, rejected, train


@pytest.fixture
def failed(deployed: Account, invoke: Invoke) -> str:
    """The id of a run whose step Train failed and which succeeds when retried."""
    run_id = deployed.start()
    deployed.steps = [[preprocess("Succeeded"), train("Failed", FailureReason="CapacityError: none")]]
    deployed.status_at_the_end = "Failed"
    assert "Train failed: CapacityError: none" in invoke("runs", run_id).stdout
    return run_id


@pytest.mark.usefixtures("no_waiting")
def test_a_failed_run_is_resumed_and_watched(deployed: Account, invoke: Invoke, failed: str) -> None:
    before = [preprocess("Succeeded"), train("Failed", FailureReason="CapacityError: none")]
    after = [preprocess("Succeeded"), train("Succeeded"), register()]
    deployed.steps = [before, after[:1], after[:2], after]
    result = invoke("retry", failed)
    assert result.exit_code == 0, result.output
    assert f"Run {failed} registered model version 3." in result.stdout


def test_no_wait_returns_immediately(deployed: Account, invoke: Invoke, failed: str) -> None:
    deployed.steps = [[], []]
    result = invoke("retry", failed, "--no-wait")
    assert result.exit_code == 0, result.output
    assert f"Run {failed} resumed." in result.stdout
    assert f"runs {failed} --watch" in result.stdout


def test_json(deployed: Account, invoke: Invoke, failed: str) -> None:
    deployed.steps = [[], [], []]
    assert json.loads(invoke("retry", failed, "--no-wait", "--json").stdout)["status"] == "Executing"


def test_a_succeeded_run_is_not_retried(deployed: Account, invoke: Invoke) -> None:
    run_id = deployed.start()
    invoke("runs", run_id)  # the status follows once the steps were listed
    result = invoke("retry", run_id)
    assert result.exit_code == 1
    assert f"Run {run_id} succeeded, so there is nothing to retry." in result.stderr


def test_an_executing_run_is_not_retried(deployed: Account, invoke: Invoke) -> None:
    run_id = deployed.start()
    deployed.steps = [[], []]
    result = invoke("retry", run_id)
    assert result.exit_code == 1
    assert f"Run {run_id} has not finished: it is Executing." in result.stderr


def test_a_rejected_run_is_not_retried(deployed: Account, invoke: Invoke) -> None:
    run_id = deployed.start()
    deployed.steps = [[preprocess("Succeeded"), train("Succeeded"), rejected()]]
    deployed.status_at_the_end = "Failed"
    invoke("runs", run_id)
    result = invoke("retry", run_id)
    assert result.exit_code == 1
    assert (
        f"Run {run_id} cannot be retried, because it ended with a decision: The gate rejected the model."
        in " ".join(result.stderr.split())
    )
    assert "then start a new run: " in result.stderr
