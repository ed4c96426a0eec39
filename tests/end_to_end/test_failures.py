"""Failed and stopped runs: later steps do not run, the reason is reported, and no incomplete model is registered."""

import json
import os
import random
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.control import LocalCloud
from tests.end_to_end import containers, planted
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import Clients, versions, wait_for

_JOBS = ("train", "evaluate", "serve")
_OVER = {"Succeeded", "Failed", "Stopped"}


class Victim:
    """Runs of the small environment whose processes the tests kill or limit."""

    def __init__(self, cloud: LocalCloud, clients: Clients, small: Operator, corpus: Path):
        self._cloud = cloud
        self._clients = clients
        self._small = small
        self._corpus = corpus
        self.models_before = versions(clients, "small")

    def start(self, *options: str) -> str:
        """Start a run and return its id."""
        started: str = self._small("run", self._corpus, "--no-wait", *options)["id"]
        return started

    def process(self, program: str) -> int:
        """Wait for a job that runs ``program`` and return its process id."""
        found = wait_for(lambda: containers.running(self._cloud, program), f"a process that runs {program}", 900)
        pid: int = found[0].pid
        return pid

    def processes(self) -> list[int]:
        """Return the process ids of all jobs."""
        return [process.pid for process in containers.running(self._cloud, *_JOBS)]

    def end(self, run_id: str) -> Any:
        """Wait for a run to finish and return it."""
        done = self._small.attempt("runs", run_id, "--watch")
        found = self._small("runs", run_id)
        assert (done.returncode == 0) == (found["status"] == "Succeeded"), done.stderr
        assert {step["status"] for step in found["steps"]} <= _OVER
        return found


@pytest.fixture
def victim(small_run: Any, cloud: LocalCloud, clients: Clients, small: Operator, corpus: Path) -> Victim:
    return Victim(cloud, clients, small, corpus)


def failed(run: Any) -> dict[str, str]:
    return {step["name"]: step["failure"] for step in run["steps"] if step["status"] == "Failed"}


def test_a_killed_trial_fails_alone(victim: Victim, small: Operator) -> None:
    run_id = victim.start("--topics", "5")
    os.killpg(victim.process("train"), signal.SIGKILL)
    assert victim.end(run_id)["status"] == "Succeeded"
    trials = small("tuning", run_id)["trials"]
    assert [trial["status"] for trial in trials] == ["Completed", "Failed"]
    assert trials[1]["failure"] == "AlgorithmError: , exit code: 137"


# Without --topics the tuning step is cached, so the only training job is that of Train.
def test_a_killed_training_fails_the_run(victim: Victim, clients: Clients) -> None:
    run_id = victim.start()
    os.killpg(victim.process("train"), signal.SIGKILL)
    run = victim.end(run_id)
    assert failed(run) == {"Train": "AlgorithmError: , exit code: 137"}
    assert [step["name"] for step in run["steps"]] == ["Preprocess", "Tune", "Train"]
    assert versions(clients, "small") == victim.models_before


def test_a_training_that_cannot_write_its_model_fails_the_run(victim: Victim, clients: Clients) -> None:
    run_id = victim.start()
    resource.prlimit(victim.process("train"), resource.RLIMIT_FSIZE, (1000, 1000))
    run = victim.end(run_id)
    assert list(failed(run)) == ["Train"]
    assert failed(run)["Train"].startswith("AlgorithmError: ")
    assert versions(clients, "small") == victim.models_before


def test_a_killed_evaluation_fails_the_run_and_nothing_is_registered(victim: Victim, clients: Clients) -> None:
    run_id = victim.start()
    os.killpg(victim.process("evaluate"), signal.SIGKILL)
    run = victim.end(run_id)
    assert list(failed(run)) == ["Evaluate"]
    assert failed(run)["Evaluate"].startswith("AlgorithmError: ")
    assert "Gate" not in [step["name"] for step in run["steps"]]
    assert versions(clients, "small") == victim.models_before


def test_a_killed_batch_transform_fails_the_run_whose_model_is_registered(victim: Victim, clients: Clients) -> None:
    run_id = victim.start()
    os.killpg(victim.process("serve"), signal.SIGKILL)
    run = victim.end(run_id)
    assert list(failed(run)) == ["Vectorize"]
    new = set(versions(clients, "small")) - set(victim.models_before)
    assert len(new) == 1
    package = clients("sagemaker").describe_model_package(ModelPackageName=new.pop())
    assert package["ModelApprovalStatus"] == "PendingManualApproval"


@pytest.fixture
def short_timeout(clients: Clients) -> Iterator[None]:
    """Limit the preprocessing function's timeout to one second."""
    functions = clients("lambda")
    (name,) = [
        function["FunctionName"]
        for function in functions.list_functions()["Functions"]
        if function["FunctionName"].startswith("topicsmith-small-training-Preprocess")
    ]
    timeout = functions.get_function_configuration(FunctionName=name)["Timeout"]
    functions.update_function_configuration(FunctionName=name, Timeout=1)
    yield
    functions.update_function_configuration(FunctionName=name, Timeout=timeout)


@pytest.mark.usefixtures("short_timeout")
def test_a_function_that_takes_too_long_fails_the_run(victim: Victim, small: Operator, tmp_path: Path) -> None:
    large = planted.write_csv(tmp_path / "large.csv", documents=60_000)
    run = json.loads(small.attempt("run", large).stdout)
    assert list(failed(run)) == ["Preprocess"]
    assert "Task timed out after 1.00 seconds" in failed(run)["Preprocess"]
    assert len(run["steps"]) == 1


def test_a_stopped_run_stops_its_jobs_and_registers_nothing(victim: Victim, small: Operator, clients: Clients) -> None:
    run_id = victim.start("--topics", "6")
    victim.process("train")
    stopped = small("stop", run_id, "--wait")
    assert stopped["status"] == "Stopped"
    *before, last = [(step["name"], step["status"]) for step in stopped["steps"]]
    # On a busy machine the trials may have finished before the command ran or while it was running.
    done = [("Preprocess", "Succeeded"), ("Tune", "Succeeded")]
    assert (before, last) in [(done[:1], ("Tune", "Stopped")), (done[:1], done[1]), (done, ("Train", "Stopped"))]
    assert {trial["status"] for trial in small("tuning", run_id)["trials"]} <= {"Stopped", "Completed"}
    assert victim.processes() == []
    assert versions(clients, "small") == victim.models_before


@pytest.mark.parametrize("seed", range(2))
def test_a_run_whose_jobs_are_killed_at_a_random_moment_ends_with_a_reason(
    victim: Victim, clients: Clients, seed: int
) -> None:
    chance = random.Random(seed)
    run_id = victim.start("--topics", "4")
    victim.process(chance.choice(_JOBS))
    time.sleep(chance.uniform(0, 1))
    killed = victim.processes()
    for pid in killed:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # It has already exited.
    run = victim.end(run_id)
    new = set(versions(clients, "small")) - set(victim.models_before)
    registered = {step["model_package"] for step in run["steps"] if step["model_package"]}
    assert new == registered
    if run["status"] != "Succeeded":
        assert all(failed(run).values())
        assert failed(run)
    assert victim.processes() == []
