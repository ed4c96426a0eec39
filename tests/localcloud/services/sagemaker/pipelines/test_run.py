"""The execution engine in isolation: random graphs, failures and stops, with short steps."""

import random
import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.services.sagemaker.pipelines import run as pipeline_run
from localcloud.services.sagemaker.pipelines import step_record
from localcloud.services.sagemaker.pipelines.cache import StepCache
from localcloud.services.sagemaker.pipelines.graph import plan
from localcloud.services.sagemaker.pipelines.record import LocalPipelineExecution
from localcloud.services.sagemaker.pipelines.run import PipelineRun
from localcloud.services.sagemaker.pipelines.step_context import StepContext, StepFailed, StepStopped

ARN = "arn:aws:sagemaker:us-east-1:1:pipeline/p/execution/e"


class Execution(SimpleNamespace):
    """The attributes of an execution's record that the engine uses."""

    def __init__(self, limit: int | None = None) -> None:
        super().__init__(
            arn=ARN,
            execution_id="e",
            variables={},
            steps=[],
            parallelism_configuration={"MaxParallelExecutionSteps": limit} if limit else None,
            pipeline_execution_status="Executing",
            reason=None,
        )

    def set_status(self, status: str, failure_reason: str | None = None) -> None:
        self.pipeline_execution_status, self.reason = status, failure_reason

    @property
    def statuses(self) -> dict[str, str]:
        return {record.definition["Name"]: record.status for record in self.steps}


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_record, "send", lambda *_: None)


def _run(execution: Execution, steps: list[dict[str, Any]], cache: StepCache | None = None) -> PipelineRun:
    return PipelineRun(
        cast("LocalPipelineExecution", execution), plan(steps), {}, cast("Any", None), cache or StepCache()
    )


def _step(name: str, *waits: str, kind: str = "Lambda", **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "DependsOn": list(waits), "Arguments": {}, **more}


@st.composite
def graphs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Steps that each depend on some earlier ones, some of them in the branches of a condition."""
    names = [f"S{number}" for number in range(draw(st.integers(1, 7)))]
    steps = [
        _step(name, *draw(st.sets(st.sampled_from(names[:number])) if number else st.just(set())))
        for number, name in enumerate(names)
    ]
    cut = draw(st.integers(0, len(steps)))
    before, branches = steps[:cut], steps[cut:]
    middle = draw(st.integers(0, len(branches)))
    conditions = [{"Type": "Equals", "LeftValue": draw(st.integers(0, 1)), "RightValue": 1}]
    arguments = {"Conditions": conditions, "IfSteps": branches[:middle], "ElseSteps": branches[middle:]}
    gate = {"Name": "Gate", "Type": "Condition", "DependsOn": names[:cut][-1:], "Arguments": arguments}
    return [*before, gate]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(), st.integers(0, 2**32), st.booleans(), st.integers(1, 4) | st.none())
def test_every_execution_ends_with_consistent_statuses(
    monkeypatch: pytest.MonkeyPatch, steps: list[dict[str, Any]], seed: int, stops: bool, limit: int | None
) -> None:
    chance = random.Random(seed)
    outcomes = {f"S{number}": chance.choice(["fine", "fine", "fine", "fails", "breaks"]) for number in range(7)}
    pauses = {name: chance.random() / 500 for name in outcomes}
    at_work, most = [0], [0]
    lock = threading.Lock()
    known = pipeline_run.run_step

    def run_step(context: StepContext) -> Any:
        name = context.definition["Name"]
        if name == "Gate":
            return known(context)
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        try:
            if context.stopping.wait(pauses[name]):
                raise StepStopped
        finally:
            with lock:
                at_work[0] -= 1
        if outcomes[name] == "fails":
            raise StepFailed(f"{name} fails")
        if outcomes[name] == "breaks":
            raise RuntimeError(name)
        return {}

    monkeypatch.setattr(pipeline_run, "run_step", run_step)
    execution = Execution(limit)
    run = _run(execution, steps)
    thread = threading.Thread(target=run.run)
    thread.start()
    if stops:
        time.sleep(chance.random() / 300)
        run.request_stop()
    thread.join()

    planned, statuses = plan(steps), execution.statuses
    assert set(statuses.values()) <= {"Succeeded", "Failed", "Stopped"}
    assert all(record.end_time for record in execution.steps)
    assert limit is None or most[0] <= limit
    for name in statuses:
        assert all(statuses.get(needed) == "Succeeded" for needed in planned[name].waits)
    outcome = steps[-1]["Arguments"]["Conditions"][0]["LeftValue"] == 1
    taken = {name for name, step in planned.items() if step.branch is None or step.branch.outcome is outcome}
    # A step that depends on a step of the other branch does not run.
    reached: set[str] = set()
    for name, step in planned.items():
        if name in taken and step.waits <= reached | {"Gate"}:
            reached.add(name)
    assert set(statuses) <= reached
    match execution.pipeline_execution_status:
        case "Succeeded":
            assert set(statuses) == reached
            assert set(statuses.values()) == {"Succeeded"}
        case "Failed":
            assert "Failed" in statuses.values()
            assert execution.reason == pipeline_run.FAILURE_REASON
        case "Stopped":
            assert stops
        case other:
            pytest.fail(other)


def _retried(monkeypatch: pytest.MonkeyPatch, failures: list[StepFailed]) -> tuple[Execution, list[str]]:
    names = []

    def run_step(context: StepContext) -> Any:
        names.append(context.job_name)
        context.arguments.pop("once")
        if failures:
            raise failures.pop()
        return {}

    monkeypatch.setattr(pipeline_run, "run_step", run_step)
    policy = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 0, "MaxAttempts": 2}
    execution = Execution()
    _run(execution, [_step("Train", kind="Training", Arguments={"once": 1}, RetryPolicies=[policy])]).run()
    return execution, names


def test_step_is_retried_with_a_new_job(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [StepFailed("InternalServerError", "SageMaker.JOB_INTERNAL_ERROR") for _ in range(2)]
    execution, names = _retried(monkeypatch, failures)
    assert execution.statuses == {"Train": "Succeeded"}
    assert len(set(names)) == 3
    assert execution.steps[0].describe(stopping=False)["AttemptCount"] == 3


def test_step_that_fails_too_often_fails_with_the_last_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [StepFailed(f"InternalServerError {number}", "SageMaker.JOB_INTERNAL_ERROR") for number in range(5)]
    execution, names = _retried(monkeypatch, failures)
    assert execution.statuses == {"Train": "Failed"}
    assert len(names) == 3
    assert execution.steps[0].failure_reason == "InternalServerError 2"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(), st.sets(st.sampled_from([f"S{number}" for number in range(7)])), st.booleans())
def test_retried_execution_runs_only_the_remaining_steps(
    monkeypatch: pytest.MonkeyPatch, steps: list[dict[str, Any]], broken: set[str], stops: bool
) -> None:
    known, done = pipeline_run.run_step, list[str]()

    def run_step(context: StepContext) -> Any:
        name = context.definition["Name"]
        if name in broken:
            raise StepStopped if stops else StepFailed(name)
        done.append(name)
        return known(context) if name == "Gate" else {}

    monkeypatch.setattr(pipeline_run, "run_step", run_step)
    whole, execution = Execution(), Execution()
    first = _run(execution, steps)
    first.run()
    broken.clear()
    execution.steps = [record for record in execution.steps if record.status == "Succeeded"]
    execution.pipeline_execution_status = "Executing"
    first.again(cast("Any", None)).run()
    assert execution.pipeline_execution_status == "Succeeded"
    assert len(set(done)) == len(done)
    _run(whole, steps).run()
    assert execution.statuses == whole.statuses


def test_algorithm_error_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    execution, names = _retried(monkeypatch, [StepFailed("AlgorithmError: , exit code: 1")])
    assert execution.statuses == {"Train": "Failed"}
    assert len(names) == 1


def test_pause_between_attempts_ends_when_the_execution_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = threading.Event()

    def run_step(context: StepContext) -> Any:
        failed.set()
        raise StepFailed("CapacityError", "SageMaker.CAPACITY_ERROR")

    monkeypatch.setattr(pipeline_run, "run_step", run_step)
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 600, "MaxAttempts": 2}
    execution = Execution()
    run = _run(execution, [_step("Train", kind="Training", RetryPolicies=[policy])])
    thread = threading.Thread(target=run.run)
    thread.start()
    failed.wait()
    run.request_stop()
    thread.join()
    assert execution.statuses == {"Train": "Stopped"}
    assert execution.pipeline_execution_status == "Stopped"


def test_cached_step_starts_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def run_step(context: StepContext) -> Any:
        calls.append(context.definition["Name"])
        context.metadata["TrainingJob"] = {"Arn": "arn:job"}
        return {"answer": 42}

    monkeypatch.setattr(pipeline_run, "run_step", run_step)
    config = {"Enabled": True, "ExpireAfter": "PT1H"}
    after = _step("After", Arguments={"x": {"Get": "Steps.Train.answer"}})
    steps = [_step("Train", kind="Training", CacheConfig=config), after]
    cache = StepCache()
    for _ in range(2):
        execution = Execution()
        _run(execution, steps, cache).run()
        assert execution.statuses == {"Train": "Succeeded", "After": "Succeeded"}
    assert calls == ["Train", "After", "After"]
    described = execution.steps[0].describe(stopping=False)
    assert described["CacheHitResult"] == {"SourcePipelineExecutionArn": ARN}
    assert described["Metadata"] == {"TrainingJob": {"Arn": "arn:job"}}


def test_job_names_are_valid() -> None:
    context = StepContext(
        definition={"Name": "A_step-with-a-very-long-name-that-does-not-fit-into-the-name-of-a-job"},
        arguments={},
        execution_id="abcdefghijkl",
        execution_arn=ARN,
        session=cast("Any", None),
        stopping=threading.Event(),
    )
    assert len(context.job_name) <= 63
    assert context.job_name.startswith("pipelines-abcdefghijkl-A-step-with")
    assert len(context.short_job_name) <= 32
    assert context.short_job_name.startswith("abcdefghijkl-A-step")


def test_record_is_described_with_its_times() -> None:
    record = step_record.StepRecord(_step("Train"), ARN)
    assert record.describe(stopping=True)["StepStatus"] == "Stopping"
    record.end("Failed", "x" * 4000)
    described = record.describe(stopping=True)
    assert described["StepStatus"] == "Failed"
    assert len(described["FailureReason"]) == step_record.LONGEST_REASON
    assert described["StartTime"] <= described["EndTime"] <= datetime.now(UTC).replace(tzinfo=None)
