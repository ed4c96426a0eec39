"""The ``stop`` command."""

import json

import pytest

from tests.topicsmith.account import Account, Invoke


def test_a_run_is_asked_to_stop(deployed: Account, invoke: Invoke) -> None:
    run_id = deployed.start()
    result = invoke("stop", run_id)
    assert result.exit_code == 0, result.output
    assert f"Run {run_id} is stopping: Stopping." in result.stdout


@pytest.mark.usefixtures("no_waiting")
def test_stop_waits_until_nothing_runs(deployed: Account, invoke: Invoke) -> None:
    result = invoke("stop", deployed.start(), "--wait", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["status"] == "Stopped"


def test_a_finished_run_is_not_stopped(deployed: Account, invoke: Invoke) -> None:
    run_id = deployed.start()
    invoke("runs", run_id)  # the status follows once the steps were listed
    result = invoke("stop", run_id)
    assert result.exit_code == 0
    assert f"Run {run_id} has already finished: Succeeded." in result.stdout
