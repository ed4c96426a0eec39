"""The tuning job."""

import pytest
from aws_cdk.assertions import Match

from tests.synth.assembly import JsonObject, template_of
from tests.synth.pipeline.pipeline import arguments_of, as_executed, step_of


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
def test_each_strategy_has_its_settings(definitions: dict[str, JsonObject], environment: str, strategy: str) -> None:
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
    objectives = {
        name: _config(definitions[name])["HyperParameterTuningJobObjective"] for name in ("dev", "grid", "builtin")
    }
    assert objectives == {
        "grid": {"Type": "Maximize", "MetricName": "validation:wetc"},
        "dev": {"Type": "Maximize", "MetricName": "validation:npmi_tu"},
        "builtin": {"Type": "Minimize", "MetricName": "validation:total_loss"},
    }


def test_trials_tuned_by_wetc_get_the_word_vectors(definitions: dict[str, JsonObject]) -> None:
    objective = _config(definitions["grid"])["HyperParameterTuningJobObjective"]["MetricName"]
    assert objective in {
        metric["Name"] for metric in _training(definitions["grid"])["AlgorithmSpecification"]["MetricDefinitions"]
    }
    for name, vectors in (
        ("grid", "/raw/glove.txt"),
        ("short", "/raw/glove.txt"),
        ("dev", "None"),
        ("builtin", "None"),
    ):
        event = arguments_of(definitions[name], "Preprocess")
        assert str(event.get("word_vectors_uri")).endswith(vectors)


def test_the_default_ranges_match_aws(definitions: dict[str, JsonObject]) -> None:
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


def test_no_hyperparameter_is_both_tuned_and_fixed(any_definition: JsonObject) -> None:
    if all(step["Name"] != "Tune" for step in any_definition["Steps"]):
        return
    ranges = _config(any_definition)["ParameterRanges"].values()
    tuned = {one["Name"] for kind in ranges for one in kind}
    said = _training(any_definition)["StaticHyperParameters"].keys()
    assert tuned.isdisjoint(said)
    assert {"feature_dim", "num_topics", "epochs"} <= tuned | said
    assert arguments_of(any_definition, "Train")["HyperParameters"].keys() >= tuned


def test_trials_tuned_by_coherence_have_all_epochs(definition: JsonObject) -> None:
    said = as_executed(definition, _training(definition)["StaticHyperParameters"])
    train = as_executed(definition, arguments_of(definition, "Train")["HyperParameters"])
    assert said["epochs"] == train["epochs"]
    assert "sub_sample" not in said.keys() | train.keys()


def test_trials_may_be_shorter_than_the_training_and_see_a_sample(definitions: dict[str, JsonObject]) -> None:
    said = _training(definitions["volumes"])["StaticHyperParameters"]
    assert (said["epochs"], said["sub_sample"]) == ("15", "0.5")
    # Training itself uses the algorithm's defaults.
    assert {"epochs", "sub_sample"}.isdisjoint(arguments_of(definitions["volumes"], "Train")["HyperParameters"])


def test_a_tuned_number_of_topics_comes_from_the_winner(definitions: dict[str, JsonObject]) -> None:
    definition = definitions["spot"]
    assert "num_topics" not in _training(definition)["StaticHyperParameters"]
    assert "NumTopics" not in [parameter["Name"] for parameter in definition["Parameters"]]
    best = {"Get": "Steps.Tune.BestTrainingJob.TunedHyperParameters['num_topics']"}
    as_text = {"Std:Join": {"On": "", "Values": [best]}}
    train = arguments_of(definition, "Train")["HyperParameters"]["num_topics"]
    assert train["Std:Join"]["Values"] == [best]
    assert arguments_of(definition, "Evaluate")["Environment"]["NUM_TOPICS"] == as_text


def test_a_run_can_warm_start_from_a_tuning_job(definitions: dict[str, JsonObject]) -> None:
    for name, type_ in (("volumes", "TransferLearning"), ("builtin", "IdenticalDataAndAlgorithm")):
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
    assert _config(definitions["volumes"])["TrainingJobEarlyStoppingType"] == "Auto"
    assert _config(definitions["dev"])["TrainingJobEarlyStoppingType"] == "Off"


@pytest.mark.parametrize(("environment", "longest_wait"), [("spot", 4500), ("grid", 3600), ("builtin", 3600)])
def test_trials_may_use_spot_capacity(definitions: dict[str, JsonObject], environment: str, longest_wait: int) -> None:
    training = _training(definitions[environment])
    assert training["EnableManagedSpotTraining"] is True
    assert training["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": longest_wait}
    checkpoints = as_executed(definitions[environment], training.get("CheckpointConfig"))
    if environment == "builtin":  # Without checkpoints, SageMaker waits at most an hour.
        assert checkpoints is None
    else:
        assert checkpoints["S3Uri"].endswith("/checkpoints/abcdefghijkl/tuning")


def test_trials_use_on_demand_capacity_by_default(definition: JsonObject) -> None:
    training = _training(definition)
    assert not {"CheckpointConfig", "EnableManagedSpotTraining"} & training.keys()
    assert training["StoppingCondition"].keys() == {"MaxRuntimeInSeconds"}


@pytest.mark.parametrize("section", ["tuning", "training"])
def test_the_jobs_role_may_keep_checkpoints(section: str) -> None:
    template = template_of("training", **{section: {"spot": True}})
    policies = template.find_resources(
        "AWS::IAM::Policy", {"Properties": {"PolicyName": Match.string_like_regexp("^TrainingRole")}}
    )
    statements = [one for policy in policies.values() for one in policy["Properties"]["PolicyDocument"]["Statement"]]
    actions = str([one["Action"] for one in statements if "/checkpoints/*" in str(one["Resource"])])
    assert "s3:GetObject" in actions
    assert "s3:PutObject" in actions
    assert "s3:DeleteObject" in actions


def test_the_jobs_role_deletes_nothing_else() -> None:
    template = template_of("training", training={"spot": True})
    statements = [
        one
        for policy in template.find_resources("AWS::IAM::Policy").values()
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    deletions = [str(one["Resource"]) for one in statements if "s3:DeleteObject" in one["Action"]]
    assert len(deletions) == 1
    assert "/checkpoints/*" in deletions[0]


def test_equal_tuning_jobs_are_cache_hits(definitions: dict[str, JsonObject]) -> None:
    """SageMaker's cache key covers input, search and fixed hyperparameters; none of them may depend on the run."""
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
