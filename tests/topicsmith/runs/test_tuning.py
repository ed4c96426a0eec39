"""The ``tuning`` command, and the live view of a tuning job."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.topicsmith.account import Account, Invoke
from topicsmith.runs import tuning

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def trial(number: int, status: str, value: float | None = None, **rest: object) -> dict[str, Any]:
    objective = {"Type": "Maximize", "MetricName": "validation:npmi_tu", "Value": value}
    return {
        "TrainingJobName": f"run-Tune-abc-{number:03}-0123abcd",
        "TrainingJobArn": "arn",
        "CreationTime": NOW.timestamp(),
        "TrainingStartTime": NOW.timestamp(),
        "TrainingJobStatus": status,
        "TunedHyperParameters": {"learning_rate": f"0.0{number}1234", "mini_batch_size": str(64 * number)},
        **({"FinalHyperParameterTuningJobObjectiveMetric": objective} if value is not None else {}),
        **({} if status == "InProgress" else {"TrainingEndTime": (NOW + timedelta(seconds=9)).timestamp()}),
        **rest,
    }


def tune(status: str, metadata: dict[str, Any], **rest: object) -> dict[str, Any]:
    return {"StepName": "Tune", "StepStatus": status, "StartTime": NOW.timestamp(), "Metadata": metadata, **rest}


def test_trials_are_listed_best_first_with_the_values_that_they_tried(deployed: Account, invoke: Invoke) -> None:
    deployed.trials = [
        trial(1, "Completed", 0.21),
        trial(2, "InProgress"),
        trial(3, "Completed", 0.35),
        trial(4, "Failed", FailureReason="AlgorithmError: , exit code: 137"),
        trial(5, "Stopped", 0.11),
    ]
    deployed.steps = [[tune("Executing", deployed.tune())]]
    run_id = deployed.start()

    result = invoke("tuning", run_id, "--json")

    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert [t["number"] for t in answer["trials"]] == ["003", "001", "005", "002", "004"]
    assert answer["best"] == "run-Tune-abc-003-0123abcd"
    assert answer["tuned_in_run"] == run_id
    best = answer["trials"][0]
    assert best["hyperparameters"] == {"learning_rate": "0.031234", "mini_batch_size": "192"}
    assert (best["objective"], best["seconds"]) == (0.35, 9.0)
    table = invoke("tuning", run_id).stdout
    head, first, *_ = table.splitlines()[1:]
    assert head.split() == ["Trial", "Status", "npmi_tu", "Time", "learning_rate", "mini_batch_size"]
    assert first.split() == ["★", "003", "Completed", "0.3500", "9.0", "s", "0.0312", "192"]
    assert table.count("★") == 1
    assert "Trial 004 failed: AlgorithmError: , exit code: 137" in table


def test_a_cached_tuning_job_names_its_original_run(deployed: Account, invoke: Invoke) -> None:
    source = {"CacheHitResult": {"SourcePipelineExecutionArn": "arn:x/execution/earlier"}}
    deployed.steps = [[tune("Succeeded", deployed.tune(), **source)]]
    run_id = deployed.start()
    assert json.loads(invoke("tuning", run_id, "--json").stdout)["tuned_in_run"] == "earlier"
    assert "of run earlier" in invoke("tuning", run_id).stdout
    assert "reused from run earlier · 0/6 trials done" in invoke("runs", run_id, "--watch").stderr


def test_a_run_without_tuning_says_so(deployed: Account, invoke: Invoke) -> None:
    run_id = deployed.start()
    result = invoke("tuning", run_id)
    assert result.exit_code == 1
    assert f"Run {run_id} (Executing) has not reached step Tune yet." in result.stderr
    result = invoke("tuning", run_id)
    assert f"Run {run_id} (Succeeded) has no step Tune." in result.stderr


def test_watching_shows_the_best_trial_so_far(deployed: Account, invoke: Invoke, no_waiting: None) -> None:
    deployed.trials = [trial(1, "Completed", 0.21), trial(2, "Completed", 0.41), trial(3, "InProgress", 0.1)]
    metadata = deployed.tune()
    deployed.steps = [[], [tune("Executing", metadata)], [tune("Succeeded", metadata)]]
    result = invoke("runs", deployed.start(), "--watch")
    assert result.exit_code == 0, result.output
    assert (
        "2/6 trials done · best npmi_tu 0.410 (trial 002: learning_rate 0.0212, mini_batch_size 128)" in result.stderr
    )


@given(st.lists(st.floats(-10, 10) | st.none(), min_size=1), st.booleans())
def test_the_best_trial_has_the_least_or_the_greatest_value(values: list[float | None], maximize: bool) -> None:
    trials = [tuning.Trial(str(n), "Completed", value, {}, None, None, None) for n, value in enumerate(values)]
    ranked = tuple(sorted(trials, key=lambda one: tuning._rank(one, maximize=maximize)))
    found = tuning.Tuning("t", "Completed", "validation:npmi", maximize, None, ranked, None)
    there = [value for value in values if value is not None]
    best = (max if maximize else min)(there) if there else None
    assert (found.best.value if found.best else None) == best
