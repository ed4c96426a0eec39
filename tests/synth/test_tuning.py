"""The tuning job."""

import pytest

from tests.synth.assembly import JsonObject
from tests.synth.pipeline import arguments_of, as_executed, step_of


def _config(definition: JsonObject) -> JsonObject:
    config = arguments_of(definition, "Tune")["HyperParameterTuningJobConfig"]
    assert isinstance(config, dict)
    return config


def _training(definition: JsonObject) -> JsonObject:
    training = arguments_of(definition, "Tune")["TrainingJobDefinition"]
    assert isinstance(training, dict)
    return training


@pytest.mark.parametrize(
    ("environment", "strategy"),
    [("dev", "Bayesian"), ("builtin", "Random"), ("spot", "Hyperband"), ("grid", "Grid")],
)
def test_the_strategy_has_what_it_needs(definitions: dict[str, JsonObject], environment: str, strategy: str) -> None:
    config = _config(definitions[environment])
    assert config["Strategy"] == strategy
    hyperband = {"HyperbandStrategyConfig": {"MinResource": 3, "MaxResource": 20}}
    assert config.get("StrategyConfig") == (hyperband if strategy == "Hyperband" else None)
    ranges = config["ParameterRanges"]
    if strategy == "Grid":
        assert "MaxNumberOfTrainingJobs" not in config["ResourceLimits"]
        assert not ranges["ContinuousParameterRanges"] + ranges["IntegerParameterRanges"]
    else:
        assert (
            config["ResourceLimits"]["MaxNumberOfTrainingJobs"] >= config["ResourceLimits"]["MaxParallelTrainingJobs"]
        )


def test_a_loss_is_minimised_and_a_measure_of_topics_maximised(definitions: dict[str, JsonObject]) -> None:
    objectives = {name: _config(definitions[name])["HyperParameterTuningJobObjective"] for name in ("dev", "builtin")}
    assert objectives == {
        "dev": {"Type": "Maximize", "MetricName": "validation:npmi_tu"},
        "builtin": {"Type": "Minimize", "MetricName": "validation:total_loss"},
    }


def test_the_ranges_are_aws_s_unless_the_environment_says_otherwise(definitions: dict[str, JsonObject]) -> None:
    number = {"Name": "mini_batch_size", "MinValue": "16", "MaxValue": "2048", "ScalingType": "Auto"}
    assert _config(definitions["volumes"])["ParameterRanges"] == {
        "ContinuousParameterRanges": [
            {"Name": "learning_rate", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"},
            {"Name": "rescale_gradient", "MinValue": "0.1", "MaxValue": "1.0", "ScalingType": "Auto"},
            {"Name": "weight_decay", "MinValue": "0.0", "MaxValue": "1.0", "ScalingType": "Auto"},
        ],
        "CategoricalParameterRanges": [
            {"Name": "encoder_layers_activation", "Values": ["sigmoid", "tanh", "relu"]},
            {"Name": "optimizer", "Values": ["sgd", "adam", "adadelta"]},
        ],
        "IntegerParameterRanges": [number],
    }


def test_nothing_is_both_tuned_and_said(any_definition: JsonObject) -> None:
    if all(step["Name"] != "Tune" for step in any_definition["Steps"]):
        return
    ranges = _config(any_definition)["ParameterRanges"].values()
    tuned = {one["Name"] for kind in ranges for one in kind}
    said = _training(any_definition)["StaticHyperParameters"].keys()
    assert tuned.isdisjoint(said)
    assert {"feature_dim", "num_topics", "epochs"} <= tuned | said
    assert arguments_of(any_definition, "Train")["HyperParameters"].keys() >= tuned


def test_tuning_is_shorter_than_training_and_may_see_a_sample(definition: JsonObject, environment: str) -> None:
    said = as_executed(definition, _training(definition)["StaticHyperParameters"])
    train = as_executed(definition, arguments_of(definition, "Train")["HyperParameters"])
    assert int(said["epochs"]) < int(train["epochs"])
    assert said.get("sub_sample") == ("0.5" if environment == "dev" else None)
    assert "sub_sample" not in train


def test_the_number_of_topics_may_be_tuned_and_is_then_the_winners(definitions: dict[str, JsonObject]) -> None:
    definition = definitions["spot"]
    assert "num_topics" not in _training(definition)["StaticHyperParameters"]
    assert "NumTopics" not in [parameter["Name"] for parameter in definition["Parameters"]]
    best = {"Get": "Steps.Tune.BestTrainingJob.TunedHyperParameters['num_topics']"}
    as_text = {"Std:Join": {"On": "", "Values": [best]}}
    train = arguments_of(definition, "Train")["HyperParameters"]["num_topics"]
    assert train["Std:Join"]["Values"] == [best]
    assert arguments_of(definition, "Evaluate")["Environment"]["NUM_TOPICS"] == as_text


def test_a_run_names_the_tuning_job_that_it_begins_with(definitions: dict[str, JsonObject]) -> None:
    for name, type_ in (("spot", "TransferLearning"), ("builtin", "IdenticalDataAndAlgorithm")):
        definition = definitions[name]
        assert {"Name": "WarmStartFrom", "Type": "String", "DefaultValue": "topics-1"} in definition["Parameters"]
        assert arguments_of(definition, "Tune")["WarmStartConfig"] == {
            "WarmStartType": type_,
            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": {"Get": "Parameters.WarmStartFrom"}}],
        }


def test_tuning_may_end_early(definitions: dict[str, JsonObject]) -> None:
    assert _config(definitions["spot"])["TuningJobCompletionCriteria"] == {
        "TargetObjectiveMetricValue": 0.3,
        "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 5},
        "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
    }
    assert _config(definitions["grid"])["ResourceLimits"]["MaxRuntimeInSeconds"] == 5400
    assert _config(definitions["prod"])["TrainingJobEarlyStoppingType"] == "Auto"
    assert _config(definitions["dev"])["TrainingJobEarlyStoppingType"] == "Off"


def test_the_cache_can_find_an_equal_tuning(definitions: dict[str, JsonObject]) -> None:
    """SageMaker's key has the input, the search and what is not tuned; nothing of that may name the run."""
    assert step_of(definitions["prod"], "Tune")["CacheConfig"] == {"Enabled": True, "ExpireAfter": "P30D"}
    assert "CacheConfig" not in step_of(definitions["dev"], "Tune")
    training = _training(definitions["prod"])
    key = [
        arguments_of(definitions["prod"], "Tune")["HyperParameterTuningJobConfig"],
        training["AlgorithmSpecification"],
        training["InputDataConfig"],
        training["StaticHyperParameters"],
        arguments_of(definitions["prod"], "Preprocess")["output_uri"],
    ]
    assert "Execution." not in str(key)


def test_trials_are_isolated_and_encrypted_like_training(definition: JsonObject) -> None:
    training, train = _training(definition), arguments_of(definition, "Train")
    for same in ("RoleArn", "InputDataConfig", "EnableNetworkIsolation", "AlgorithmSpecification"):
        assert training[same] == train[same]
    assert training["OutputDataConfig"]["KmsKeyId"] == train["OutputDataConfig"]["KmsKeyId"]
    assert as_executed(definition, training["OutputDataConfig"]["S3OutputPath"]).endswith("/models/abcdefghijkl/tuning")
    assert training["RetryStrategy"] == {"MaximumRetryAttempts": 2}
