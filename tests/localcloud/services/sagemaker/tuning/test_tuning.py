import json
import os
from typing import Any

import pytest

from localcloud.services.sagemaker.training.built_in import built_in_definitions
from localcloud.services.sagemaker.tuning.backend import _completed
from tests.localcloud.support import BUCKET, HERE, IMAGE, SmallCloud, wait_for

LOSS = r"#quality_metric: host=\S+, epoch=\S+, validation total_loss <loss>=(\S+)"
TUNING_IMAGE = IMAGE.replace(":1", ":tuning")
BUILT_IN = "382416733822.dkr.ecr.us-east-1.amazonaws.com/ntm:1"
ENDED = ("Completed", "Failed", "Stopped")
RATE = {"ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.01", "MaxValue": "1"}]}
GRID = {"CategoricalParameterRanges": [{"Name": "learning_rate", "Values": ["0.1", "0.3", "0.9"]}]}
NOBODY = {"HyperParameterTuningJobName": "nobody"}


@pytest.fixture(scope="module", autouse=True)
def image(cloud: SmallCloud) -> None:
    for command in (
        ["build", "--tag", TUNING_IMAGE, "--file", "Dockerfile", "--platform", "linux/amd64", "."],
        ["push", TUNING_IMAGE],
    ):
        done = cloud.docker(*command, directory=HERE / "tuning_image")
        assert done.returncode == 0, done.stderr


def _request(
    cloud: SmallCloud,
    name: str,
    *,
    strategy: str = "Random",
    ranges: dict[str, Any] = RATE,
    static: dict[str, str] | None = None,
    jobs: int | None = 3,
    parallel: int = 1,
    definition: dict[str, Any] | None = None,
    warm_start: dict[str, Any] | None = None,
    **config: Any,
) -> dict[str, Any]:
    limits = {"MaxParallelTrainingJobs": parallel} | ({"MaxNumberOfTrainingJobs": jobs} if jobs else {})
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:total_loss"},
            "ResourceLimits": limits,
            "ParameterRanges": ranges,
            "TrainingJobEarlyStoppingType": "Off",
            "RandomSeed": 1,
            **config,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": static or {},
            "AlgorithmSpecification": {
                "TrainingImage": TUNING_IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "validation:total_loss", "Regex": LOSS}],
            },
            "RoleArn": cloud.role_arn,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/tuned"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **(definition or {}),
        },
        **({"WarmStartConfig": warm_start} if warm_start else {}),
        "Tags": [{"Key": "project", "Value": "small"}],
    }


def _create(cloud: SmallCloud, name: str, **more: Any) -> None:
    cloud.client("sagemaker").create_hyper_parameter_tuning_job(**_request(cloud, name, **more))


def _describe(cloud: SmallCloud, name: str) -> dict[str, Any]:
    client = cloud.client("sagemaker")
    described: dict[str, Any] = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    return described


def _trials(cloud: SmallCloud, name: str, **more: Any) -> list[dict[str, Any]]:
    client = cloud.client("sagemaker")
    answer = client.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name, **more)
    trials: list[dict[str, Any]] = answer["TrainingJobSummaries"]
    return trials


def _ended(cloud: SmallCloud, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job = _describe(cloud, name)
        return job if job["HyperParameterTuningJobStatus"] in ENDED else None

    return wait_for(look)


def _value(trial: dict[str, Any]) -> float:
    value: float = trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    return value


@pytest.fixture(scope="module")
def tuned(cloud: SmallCloud, image: None) -> dict[str, Any]:
    """A finished tuning job with three trials."""
    _create(cloud, "tuned", static={"epochs": "2"})
    began = _describe(cloud, "tuned")
    assert began["HyperParameterTuningJobStatus"] == "InProgress"
    assert "BestTrainingJob" not in began
    assert "HyperParameterTuningEndTime" not in began
    return _ended(cloud, "tuned")


def test_the_best_trial_is_found(cloud: SmallCloud, tuned: dict[str, Any]) -> None:
    assert tuned["HyperParameterTuningJobStatus"] == "Completed", tuned.get("FailureReason")
    assert tuned["TrainingJobStatusCounters"] == {
        "Completed": 3,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 0,
    }
    assert tuned["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}
    trials = _trials(cloud, "tuned")
    for trial in trials:
        assert _value(trial) == pytest.approx((float(trial["TunedHyperParameters"]["learning_rate"]) - 0.3) ** 2 + 0.5)
    assert tuned["BestTrainingJob"] == min(trials, key=_value)
    assert "OverallBestTrainingJob" not in tuned
    assert "FailureReason" not in tuned
    assert tuned["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] in (0, 1, 2)


def test_a_trial_is_a_training_job_with_its_log_metrics_and_artifact(cloud: SmallCloud, tuned: dict[str, Any]) -> None:
    client = cloud.client("sagemaker")
    first = _trials(cloud, "tuned")[0]
    name = first["TrainingJobName"]
    assert name.startswith("tuned-001-")
    job = client.describe_training_job(TrainingJobName=name)
    static = {"epochs": "2", "_tuning_objective_metric": "validation:total_loss"}
    assert tuned["TrainingJobDefinition"]["StaticHyperParameters"] == static
    assert job["TuningJobArn"] == tuned["HyperParameterTuningJobArn"]
    assert job["HyperParameters"] == {**static, **first["TunedHyperParameters"]}
    assert "OMP_NUM_THREADS" not in job["Environment"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/tuned/{name}/output/model.tar.gz"
    assert len(cloud.log("/aws/sagemaker/TrainingJobs", f"{name}/algo-1-")) == 2
    assert client.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == [{"Key": "project", "Value": "small"}]
    metrics = cloud.client("cloudwatch").list_metrics(Namespace="/aws/sagemaker/TrainingJobs")["Metrics"]
    assert {"Name": "Host", "Value": f"{name}/algo-1"} in [item["Dimensions"][0] for item in metrics]


def test_trials_are_listed_sorted_and_in_pages(cloud: SmallCloud, tuned: dict[str, Any]) -> None:
    by_value = _trials(cloud, "tuned", SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert [_value(trial) for trial in by_value] == sorted(map(_value, by_value), reverse=True)
    names = [trial["TrainingJobName"] for trial in _trials(cloud, "tuned")]
    assert names == sorted(names)
    assert _trials(cloud, "tuned", StatusEquals="Failed") == []
    pages = cloud.client("sagemaker").get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    found = [
        [trial["TrainingJobName"] for trial in page["TrainingJobSummaries"]]
        for page in pages.paginate(HyperParameterTuningJobName="tuned", PaginationConfig={"PageSize": 2})
    ]
    assert found == [names[:2], names[2:]]


def test_tuning_jobs_are_listed(cloud: SmallCloud, tuned: dict[str, Any]) -> None:
    client = cloud.client("sagemaker")
    (summary,) = client.list_hyper_parameter_tuning_jobs(NameContains="tuned", StatusEquals="Completed")[
        "HyperParameterTuningJobSummaries"
    ]
    assert summary["TrainingJobStatusCounters"]["Completed"] == 3
    assert summary["ObjectiveStatusCounters"]["Succeeded"] == 3


def test_definition_is_described_with_sagemakers_defaults() -> None:
    """The SDK's ``HyperparameterTuner.attach`` reads the whole definition."""
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    role = "arn:aws:iam::123456789012:role/worker"
    definition = {
        "RoleArn": role,
        "AlgorithmSpecification": {"TrainingImage": BUILT_IN, "TrainingInputMode": "File"},
        "HyperParameterTuningResourceConfig": {"InstanceConfigs": [resources], "AllocationStrategy": "Prioritized"},
    }
    objective = {"Type": "Minimize", "MetricName": "validation:total_loss"}
    completed = _completed(definition, {"HyperParameterTuningJobObjective": objective})
    assert completed["ResourceConfig"] == resources
    assert completed["StaticHyperParameters"] == {"_tuning_objective_metric": "validation:total_loss"}
    assert completed["AlgorithmSpecification"]["MetricDefinitions"] == built_in_definitions(BUILT_IN, role)
    assert completed["HyperParameterTuningResourceConfig"] == definition["HyperParameterTuningResourceConfig"]


def test_grid_runs_every_combination(cloud: SmallCloud) -> None:
    _create(cloud, "grid", strategy="Grid", ranges=GRID, jobs=None, parallel=2, static={"epochs": "1"})
    job = _ended(cloud, "grid")
    tried = sorted(trial["TunedHyperParameters"]["learning_rate"] for trial in _trials(cloud, "grid"))
    assert tried == ["0.1", "0.3", "0.9"]
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"learning_rate": "0.3"}


def test_failed_trials_do_not_end_the_search(cloud: SmallCloud) -> None:
    _create(cloud, "some-fail", strategy="Grid", ranges=GRID, jobs=None, static={"fails_above": "0.5"})
    job = _ended(cloud, "some-fail")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert job["ObjectiveStatusCounters"]["Failed"] == 1
    (failed,) = _trials(cloud, "some-fail", StatusEquals="Failed")
    assert failed["FailureReason"] == "AlgorithmError: 0.9 is too much, exit code: 1"
    assert len(_trials(cloud, "some-fail", SortBy="FinalObjectiveMetricValue")) == 2


def test_without_any_success_the_tuning_job_fails_early(cloud: SmallCloud) -> None:
    _create(cloud, "all-fail", jobs=9, static={"fails_above": "0"})
    job = _ended(cloud, "all-fail")
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("No training job succeeded after 5 attempts.")
    assert len(_trials(cloud, "all-fail")) == 5


def test_without_the_objective_the_tuning_job_fails(cloud: SmallCloud) -> None:
    specification = {
        "TrainingImage": TUNING_IMAGE,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "validation:total_loss", "Regex": "never said (.*)"}],
    }
    _create(cloud, "mute", jobs=2, definition={"AlgorithmSpecification": specification})
    job = _ended(cloud, "mute")
    assert job["FailureReason"].startswith("No objective metrics found after running 2 training jobs.")
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 0, "Failed": 2}


def test_stop_ends_the_trials_that_run(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    _create(cloud, "stopped", jobs=6, parallel=2, static={"seconds": "60"})
    wait_for(lambda: any(trial["TrainingJobStatus"] == "InProgress" for trial in _trials(cloud, "stopped")))
    client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    job = _ended(cloud, "stopped")
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    trials = _trials(cloud, "stopped")
    assert {trial["TrainingJobStatus"] for trial in trials} == {"Stopped"}
    assert 1 <= len(trials) <= 2
    with pytest.raises(client.exceptions.ClientError, match="status Stopped"):
        client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")


def test_hopeless_trials_are_stopped_early(cloud: SmallCloud) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "learning_rate", "Values": ["0.3", "0.31", "1"]}]}
    _create(
        cloud,
        "early",
        strategy="Grid",
        ranges=ranges,
        jobs=None,
        static={"epochs": "100", "seconds": "0.1", "slow_above": "0.5"},
        TrainingJobEarlyStoppingType="Auto",
    )
    job = _ended(cloud, "early")
    assert job["TrainingJobStatusCounters"]["Completed"] == 2
    (stopped,) = _trials(cloud, "early", StatusEquals="Stopped")
    assert stopped["TunedHyperParameters"] == {"learning_rate": "1"}
    assert stopped["ObjectiveStatus"] == "Succeeded"
    assert _value(stopped) > 0.49
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"learning_rate": "0.3"}


def test_hyperband_stops_some_jobs(cloud: SmallCloud) -> None:
    _create(
        cloud,
        "hyperband",
        strategy="Hyperband",
        jobs=8,
        parallel=2,
        static={"epochs": "9", "seconds": "0.2"},
        StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}},
    )
    job = _ended(cloud, "hyperband")
    counters = job["TrainingJobStatusCounters"]
    assert counters["Stopped"] >= 1
    assert counters["Completed"] >= 1
    assert counters["Stopped"] + counters["Completed"] == 8
    best = min(_trials(cloud, "hyperband"), key=_value)
    assert job["BestTrainingJob"]["TrainingJobName"] == best["TrainingJobName"]


def test_hyperband_stops_jobs_at_the_maximum_number_of_epochs(cloud: SmallCloud) -> None:
    _create(
        cloud,
        "most",
        strategy="Hyperband",
        jobs=1,
        static={"epochs": "500", "seconds": "0.1"},
        StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 3}},
    )
    _ended(cloud, "most")
    (trial,) = _trials(cloud, "most")
    assert trial["TrainingJobStatus"] == "Stopped"
    assert _value(trial) < 1 / 3 + 0.49


def test_target_ends_the_search(cloud: SmallCloud) -> None:
    _create(cloud, "target", jobs=9, TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 100.0})
    job = _ended(cloud, "target")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert len(_trials(cloud, "target")) == 1


def test_warm_start_uses_the_earlier_trials(cloud: SmallCloud, tuned: dict[str, Any]) -> None:
    _create(cloud, "warm", strategy="Bayesian", jobs=2, static={"epochs": "1"}, warm_start=_from("tuned"))
    job = _ended(cloud, "warm")
    # A trial of one epoch cannot beat the parent's trials of two.
    assert job["OverallBestTrainingJob"] == tuned["BestTrainingJob"]
    assert job["BestTrainingJob"]["TuningJobName"] == "warm"
    assert job["WarmStartConfig"] == _from("tuned")


@pytest.mark.parametrize("kind", ["IdenticalDataAndAlgorithm", "TransferLearning"])
def test_warm_start_needs_the_same_hyperparameters_but_not_the_same_ranges(
    cloud: SmallCloud, tuned: dict[str, Any], kind: str
) -> None:
    ranges = {"IntegerParameterRanges": [{"Name": "epochs", "MinValue": "1", "MaxValue": "2"}]}
    client = cloud.client("sagemaker")
    with pytest.raises(client.exceptions.ClientError, match="only one of the two has learning_rate"):
        _create(cloud, "other", ranges=ranges, jobs=1, warm_start=_from("tuned", kind))
    static = {"learning_rate": "0.5"}
    _create(cloud, f"other-{kind}"[:32], ranges=ranges, static=static, jobs=1, warm_start=_from("tuned", kind))
    _ended(cloud, f"other-{kind}"[:32])


def test_transfer_learning_has_no_overall_best_job(cloud: SmallCloud, tuned: dict[str, Any]) -> None:
    _create(cloud, "transfer", jobs=1, static={"epochs": "1"}, warm_start=_from("tuned", "TransferLearning"))
    assert "OverallBestTrainingJob" not in _ended(cloud, "transfer")


def test_warm_start_needs_a_finished_job_with_the_same_objective(cloud: SmallCloud, tuned: dict[str, Any]) -> None:
    client = cloud.client("sagemaker")
    other = {"Type": "Maximize", "MetricName": "validation:total_loss"}
    with pytest.raises(client.exceptions.ClientError, match="Tuning job tuned has another objective"):
        _create(cloud, "turned", jobs=1, warm_start=_from("tuned"), HyperParameterTuningJobObjective=other)
    _create(cloud, "unfinished", jobs=1, static={"epochs": "1000", "seconds": "1"})
    try:
        with pytest.raises(client.exceptions.ClientError, match="unfinished is still running"):
            _create(cloud, "premature", jobs=1, static={"epochs": "1"}, warm_start=_from("unfinished"))
    finally:
        client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="unfinished")
        _ended(cloud, "unfinished")


def test_grid_search_has_no_warm_start(cloud: SmallCloud, tuned: dict[str, Any]) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "learning_rate", "Values": ["0.1", "0.2"]}]}
    client = cloud.client("sagemaker")
    with pytest.raises(client.exceptions.ClientError, match="needs the strategy Bayesian or Random, not Grid"):
        _create(cloud, "grid-warm", ranges=ranges, strategy="Grid", jobs=None, warm_start=_from("tuned"))


def _from(name: str, kind: str = "IdenticalDataAndAlgorithm") -> dict[str, Any]:
    return {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": name}], "WarmStartType": kind}


def test_trials_share_the_machine(cloud: SmallCloud) -> None:
    _create(cloud, "side-by-side", jobs=2, parallel=2, static={"seconds": "0.4"})
    job = _ended(cloud, "side-by-side")
    assert job["TrainingJobStatusCounters"]["Completed"] == 2
    first, second = _trials(cloud, "side-by-side", SortBy="CreationTime")
    assert second["CreationTime"] <= first["TrainingEndTime"]
    cores = len(os.sched_getaffinity(0))
    model = cloud.state / "jobs" / first["TrainingJobName"] / "algo-1" / "model" / "model.json"
    assert json.loads(model.read_text()) == {"threads": str(max(1, cores // min(2, cores)))}


def test_each_trial_has_its_own_checkpoints(cloud: SmallCloud) -> None:
    checkpoints = {"CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/trial-checkpoints"}}
    _create(cloud, "kept", jobs=2, static={"epochs": "2"}, definition=checkpoints)
    _ended(cloud, "kept")
    listed = cloud.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="trial-checkpoints/")["Contents"]
    names = [trial["TrainingJobName"] for trial in _trials(cloud, "kept")]
    assert [item["Key"] for item in listed] == [f"trial-checkpoints/{name}/epoch" for name in names]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"strategy": "Grid"}, "Grid search supports only categorical ranges"),
        ({"strategy": "Grid", "ranges": GRID, "jobs": 2}, "there are 3, and MaxNumberOfTrainingJobs is 2"),
        (
            {"ranges": GRID, "jobs": 4},
            r"the provided ranges \[3.0\] must be equal or greater .* \[4\]",
        ),
        ({"strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"}, "must be Off"),
        ({"strategy": "Hyperband"}, "needs a MinResource below its MaxResource; they are 1 and None"),
        ({"ranges": {}}, "At least one hyperparameter must have a range"),
        ({"static": {"learning_rate": "0.1"}}, "both a static value and a range: learning_rate"),
        ({"jobs": None}, "MaxNumberOfTrainingJobs is required with the strategy Random"),
        (
            {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "npmi"}},
            "objective metric 'npmi' is not defined by the training jobs; defined: validation:total_loss",
        ),
        (
            {
                "definition": {
                    "AlgorithmSpecification": {
                        "TrainingImage": BUILT_IN,
                        "TrainingInputMode": "File",
                        "MetricDefinitions": [{"Name": "mine", "Regex": "mine"}],
                    }
                }
            },
            "can't override the metric definitions",
        ),
        ({"definition": {"EnableManagedSpotTraining": True}}, "Invalid MaxWaitTimeInSeconds"),
        ({"definition": {"RoleArn": "arn:aws:iam::123456789012:role/nobody"}}, "does not exist"),
        (
            {"warm_start": {"ParentHyperParameterTuningJobs": [NOBODY], "WarmStartType": "TransferLearning"}},
            "Could not find hyper parameter tuning job 'nobody'",
        ),
    ],
)
def test_wrong_request_is_refused_with_the_reason(cloud: SmallCloud, more: dict[str, Any], reason: str) -> None:
    client = cloud.client("sagemaker")
    with pytest.raises(client.exceptions.ClientError, match=reason):
        _create(cloud, "refused", **more)
    with pytest.raises(client.exceptions.ClientError, match="Could not find"):
        _describe(cloud, "refused")


def test_name_must_be_short_and_unique(cloud: SmallCloud, tuned: dict[str, Any]) -> None:
    client = cloud.client("sagemaker")
    with pytest.raises(client.exceptions.ResourceInUse, match="must be unique"):
        _create(cloud, "tuned")
    with pytest.raises(client.exceptions.ClientError, match="length less than or equal to 32"):
        _create(cloud, "t" * 33)


def test_several_definitions_are_refused(cloud: SmallCloud) -> None:
    request = _request(cloud, "plural")
    request["TrainingJobDefinitions"] = [request.pop("TrainingJobDefinition")]
    client = cloud.client("sagemaker")
    with pytest.raises(client.exceptions.ClientError, match="of one TrainingJobDefinition"):
        client.create_hyper_parameter_tuning_job(**request)


def test_deleted_tuning_job_is_gone(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    _create(cloud, "deleted", jobs=1)
    _ended(cloud, "deleted")
    client.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName="deleted")
    with pytest.raises(client.exceptions.ResourceNotFound):
        _describe(cloud, "deleted")


def test_changes_are_announced_to_eventbridge(cloud: SmallCloud) -> None:
    told = (
        "def handler(event, context):\n"
        "    detail = event['detail']\n"
        "    status = detail.get('HyperParameterTuningJobStatus') or detail['TrainingJobStatus']\n"
        "    print('got', event['detail-type'], event['resources'][0].rpartition('/')[2][:9], status)\n"
    )
    arn = cloud.function("tuning-listener", {"index.py": told})
    events = cloud.client("events")
    kinds = ["SageMaker HyperParameter Tuning Job State Change", "SageMaker Training Job State Change"]
    pattern = json.dumps({"source": ["aws.sagemaker"], "detail-type": kinds})
    rule = events.put_rule(Name="tuning", EventPattern=pattern)["RuleArn"]
    events.put_targets(Rule="tuning", Targets=[{"Id": "1", "Arn": arn}])
    cloud.client("lambda").add_permission(
        FunctionName="tuning-listener",
        StatementId="1",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    try:
        _create(cloud, "heard", jobs=1)
        _ended(cloud, "heard")
        expected = {
            f"got {kind} {name} {status}"
            for kind, name in zip(kinds, ("heard", "heard-001"), strict=True)
            for status in ("InProgress", "Completed")
        }
        wait_for(lambda: expected <= set(cloud.log("/aws/lambda/tuning-listener")))
    finally:
        events.remove_targets(Rule="tuning", Ids=["1"])
        events.delete_rule(Name="tuning")
