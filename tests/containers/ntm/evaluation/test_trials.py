import pytest

from ntm.evaluation.trials import tuning_of


@pytest.mark.parametrize(
    ("objective", "minimised"),
    [
        ({"MetricName": "validation:total_loss"}, True),
        ({"MetricName": "validation:npmi_tu"}, False),
        ({"MetricName": "validation:total_loss", "Type": "Maximize"}, False),
        ({"MetricName": "my:loss", "Type": "Minimize"}, True),
    ],
)
def test_the_direction_comes_from_sagemaker_or_from_the_metric(objective: dict[str, object], minimised: bool) -> None:
    summary = {
        "TrainingJobName": "a",
        "TrainingJobStatus": "Completed",
        "FinalHyperParameterTuningJobObjectiveMetric": {**objective, "Value": 1},
    }
    tuning = tuning_of("job", [summary, {"TrainingJobName": "b", "TrainingJobStatus": "InProgress"}])
    assert (tuning.metric, tuning.minimised) == (objective["MetricName"], minimised)
    assert [trial.objective for trial in tuning.trials] == [1, None]


def test_a_tuning_job_without_a_value_has_no_metric() -> None:
    assert tuning_of("job", []).metric == ""
