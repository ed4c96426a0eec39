from typing import Any

import pytest

from localcloud.services.sagemaker.tuning.stopping import Completion, is_hopeless


@pytest.mark.parametrize(
    ("curve", "maximize", "hopeless"),
    [
        ({1: 5.1}, False, True),  # Worse than 5, the median of 4 and 6.
        ({1: 5.0}, False, False),
        ({1: 5.0, 2: 4.6}, False, True),  # The averages up to epoch 2 are 3.5 and 5.5.
        ({1: 5.0, 2: 4.4}, False, False),
        ({1: 5.0, 2: 4.4}, True, True),
        ({1: 5.0, 9: 4.6}, False, True),  # Later than the others, so their overall averages count.
    ],
)
def test_worse_than_the_median_of_averages_is_hopeless(curve: dict[int, float], maximize: bool, hopeless: bool) -> None:
    others = [{1: 4.0, 2: 3.0}, {1: 6.0, 2: 5.0}]
    assert is_hopeless(curve, others, maximize=maximize) is hopeless


def test_no_trial_is_hopeless_with_fewer_than_two_others() -> None:
    assert not is_hopeless({1: 100.0}, [{1: 1.0}], maximize=False)
    assert not is_hopeless({1: 100.0}, [{1: 1.0}, {2: 1.0}], maximize=False)


def _completion(kind: str = "Minimize", jobs: int = 20, seconds: int | None = None, **criteria: Any) -> Completion:
    limits = {"MaxParallelTrainingJobs": 1} | ({"MaxRuntimeInSeconds": seconds} if seconds else {})
    objective = {"Type": kind, "MetricName": "loss"}
    return Completion(
        {
            "HyperParameterTuningJobObjective": objective,
            "ResourceLimits": limits,
            "TuningJobCompletionCriteria": criteria,
        },
        jobs,
    )


@pytest.mark.parametrize(("kind", "values"), [("Minimize", (3.0, 1.9)), ("Maximize", (1.0, 2.1))])
def test_target_ends_the_job(kind: str, values: tuple[float, float]) -> None:
    completion = _completion(kind, TargetObjectiveMetricValue=2.0)
    completion.add(values[0])
    assert not completion.reached
    completion.add(values[1])
    assert completion.reached


def test_jobs_without_improvement_end_it() -> None:
    completion = _completion(BestObjectiveNotImproving={"MaxNumberOfTrainingJobsNotImproving": 3})
    for value in (None, 2.0, 2.5, None, 1.0, 1.0, None):
        completion.add(value)
    assert (completion.not_improving, completion.reached) == (2, False)
    completion.add(4.0)
    assert (completion.not_improving, completion.reached) == (3, True)


def test_convergence_is_detected_and_ends_the_job_if_requested() -> None:
    wanted = _completion(ConvergenceDetected={"CompleteOnConvergence": "Enabled"})
    unwanted = _completion()
    for completion in (wanted, unwanted):
        for value in (2.0, 1.0, 0.9999, 1.5, 1.2, 1.1):
            completion.add(value)
        assert completion.converged_at is None
        completion.add(1.3)
        assert completion.converged_at is not None
    assert (wanted.reached, unwanted.reached) == (True, False)


def test_longest_runtime_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("localcloud.services.sagemaker.tuning.stopping.time.monotonic", lambda: now)
    completion = _completion(seconds=120)
    assert completion.seconds_left == 120
    assert not completion.reached
    now += 120
    assert completion.reached
    assert _completion().seconds_left is None
