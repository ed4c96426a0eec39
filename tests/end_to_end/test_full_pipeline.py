"""The full pipeline in dev, from a CSV file to the endpoint's predictions, deployed with the CDK CLI."""

import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from localcloud.control import LocalCloud
from tests.end_to_end import containers, planted
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import Clients, outputs_of, versions, wait_for
from topicsmith.runs import tuning


@pytest.fixture(scope="module")
def outputs(run: Any, clients: Clients) -> dict[str, str]:
    """The outputs of dev's stacks."""
    return outputs_of(clients, "dev")


def objects(clients: Clients, bucket: str, prefix: str) -> list[str]:
    found = clients("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return [item["Key"].removeprefix(prefix) for item in found]


def content(clients: Clients, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = clients("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def step(run: Any, name: str) -> Any:
    (found,) = (step for step in run["steps"] if step["name"] == name)
    return found


def job(run: Any, name: str) -> str:
    """Return the name of the job that a step of ``run`` started."""
    found: str = step(run, name)["job"]["name"]
    return found


@pytest.fixture(scope="module")
def bags_of_words(run: Any) -> str:
    """S3 prefix of the run's bags of words."""
    uri: str = step(run, "Preprocess")["outputs"]["meta_uri"]
    return uri.removesuffix("/meta.json")


def test_every_step_of_the_run_succeeded(run: Any) -> None:
    assert run["status"] == "Succeeded"
    assert {step["status"] for step in run["steps"]} == {"Succeeded"}
    names = [step["name"] for step in run["steps"]]
    assert names[:5] == ["Preprocess", "Tune", "Train", "Evaluate", "Gate"]
    assert set(names[5:]) == {"Register", "CreateModel", "Vectorize"}
    assert step(run, "Gate")["passed"] is True


def test_artifacts_are_stored_under_the_runs_id_and_bags_of_words_under_their_own_prefix(
    run: Any, outputs: dict[str, str], clients: Clients, bags_of_words: str
) -> None:
    bucket = outputs["DataBucketName"]
    made = objects(clients, bucket, bags_of_words.removeprefix(f"s3://{bucket}/") + "/")
    assert {"meta.json", "auxiliary/vocab.txt", "auxiliary/tokenizer.json"} <= set(made)
    assert {name.split("/")[0] for name in made if name.endswith(".pbr")} == {"train", "validation", "test"}
    models = [name for name in objects(clients, bucket, f"models/{run['id']}/") if name.endswith("model.tar.gz")]
    assert len([name for name in models if name.startswith("tuning/")]) == 6
    assert len(models) == 7
    assert set(objects(clients, bucket, f"evaluation/{run['id']}/")) == {"evaluation.json", "report.html"}
    assert all(name.endswith(".out") for name in objects(clients, bucket, f"vectors/{run['id']}/"))


def test_malformed_rows_were_counted(bags_of_words: str, clients: Clients) -> None:
    meta = content(clients, f"{bags_of_words}/meta.json").decode()
    assert "planted.csv row 48" in meta
    assert json.loads(meta)["malformed_rows"] == 3
    assert json.loads(meta)["documents"] == 480


def test_every_object_is_encrypted_with_the_data_key(
    run: Any, outputs: dict[str, str], clients: Clients, bags_of_words: str
) -> None:
    bucket = outputs["DataBucketName"]
    made = [*objects(clients, bucket, ""), f"{bags_of_words}/auxiliary/vocab.txt".removeprefix(f"s3://{bucket}/")]
    assert {clients("s3").head_object(Bucket=bucket, Key=key).get("SSEKMSKeyId") for key in made} == {
        outputs["DataKeyArn"]
    }


def test_the_winner_of_six_trials_is_trained(run: Any, operator: Operator, clients: Clients) -> None:
    found = operator("tuning", run["id"])
    assert found["job"] == job(run, "Tune")
    assert {trial["status"] for trial in found["trials"]} <= {"Completed", "Stopped"}
    assert len(found["trials"]) == 6
    best = found["trials"][0]
    assert best["job"] == found["best"]
    assert best["objective"] == max(trial["objective"] for trial in found["trials"])
    trained = clients("sagemaker").describe_training_job(TrainingJobName=job(run, "Train"))["HyperParameters"]
    assert best["hyperparameters"].items() <= trained.items()


@pytest.mark.skipif(sys.platform != "linux", reason="libraries may not survive a fork elsewhere")
def test_trainings_started_with_pytorch_imported(run: Any, cloud: LocalCloud) -> None:
    assert containers.fork_servers(cloud)
    assert "Programs start without" not in cloud.log_file.read_text()


def test_each_trial_has_its_own_log_and_model(run: Any, clients: Clients) -> None:
    sagemaker, logs = clients("sagemaker"), clients("logs")
    for trial in tuning.get(sagemaker, job(run, "Tune")).trials:
        artifact = sagemaker.describe_training_job(TrainingJobName=trial.job)["ModelArtifacts"]["S3ModelArtifacts"]
        assert artifact.split("/")[-3] == trial.job
        assert content(clients, artifact)
        streams = logs.describe_log_streams(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{trial.job}/"
        )["logStreams"]
        assert len(streams) == 1


def test_the_evaluation_has_the_baseline_and_the_gates_verdict(run: Any, operator: Operator) -> None:
    found = operator("evaluation", run["id"])
    assert found["run"]["corpus_uri"] == run["parameters"]["CorpusUri"]
    assert found["run"]["num_topics"] == 4
    assert found["gate"]["passed"] is True
    assert found["metrics"]["topic_uniqueness_10"] > 0.9
    assert found["metrics"]["npmi"] == pytest.approx(
        found["baseline"]["npmi"] + found["against_baseline"]["npmi"], abs=1e-6
    )
    assert len(found["trials"]) == 6


def test_the_report_is_one_page(run: Any, operator: Operator, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    operator("report", run["id"], "--out", page, "--no-open")
    text = page.read_text()
    assert "plotly" in text.lower()
    assert 'src="http' not in text
    assert all(word in text for word in planted.TOPICS["sea"][:3])


def test_every_document_has_its_vector(run: Any, operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "vectors.jsonl"
    assert operator("vectors", run["id"], "--out", file)["documents"] == 480
    weights = {row["id"]: row["topic_weights"] for row in map(json.loads, file.read_text().splitlines())}
    assert len(weights) == 480
    assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in weights.values())
    # Documents of one planted topic share their top topic, and no two planted topics have the same one.
    heaviest = {
        name: {row.index(max(row)) for key, row in weights.items() if key.startswith(f"{name}-")}
        for name in planted.TOPICS
    }
    assert {len(found) for found in heaviest.values()} == {1}, heaviest
    assert len(set.union(*heaviest.values())) == 4


def test_the_registered_model_has_its_lineage_and_quality(run: Any, operator: Operator, clients: Clients) -> None:
    package = clients("sagemaker").describe_model_package(ModelPackageName=versions(clients, "dev")[0])
    assert package["ModelApprovalStatus"] in ("PendingManualApproval", "Approved")
    container = package["InferenceSpecification"]["Containers"][0]
    bucket, _, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
    archive = clients("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as model:
        names = {Path(name).name for name in model.getnames()}
    assert {"model.safetensors", "config.json", "vocab.txt", "tokenizer.json", "topics.json"} <= names
    evaluation = operator("evaluation", run["id"])
    assert json.loads(content(clients, package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"])) == evaluation
    origin = package["CustomerMetadataProperties"]
    assert origin["CorpusUri"] == run["parameters"]["CorpusUri"]
    assert origin["CorpusVersion"] == evaluation["run"]["corpus_version"]
    assert origin["PipelineExecutionArn"] == run["arn"]
    assert origin["TrainingJob"] == job(run, "Train")
    assert origin["TuningJob"] == job(run, "Tune")
    assert float(origin["Npmi"]) == pytest.approx(evaluation["metrics"]["npmi"])


def test_every_job_logs_to_the_log_group_that_the_run_names(run: Any, clients: Clients) -> None:
    found = {}
    for one in run["steps"]:
        if one["job"]:
            streams = clients("logs").describe_log_streams(
                logGroupName=one["job"]["log_group"], logStreamNamePrefix=one["job"]["log_prefix"]
            )["logStreams"]
            events = clients("logs").get_log_events(
                logGroupName=one["job"]["log_group"], logStreamName=streams[0]["logStreamName"], startFromHead=True
            )["events"]
            found[one["name"]] = [event["message"] for event in events]
    assert set(found) == {"Tune", "Train", "Evaluate", "Vectorize"}
    assert all(found.values())
    assert any("#quality_metric" in line for line in found["Train"])


@pytest.fixture(scope="module")
def approved(run: Any, operator: Operator) -> Any:
    return operator("approve", "1", "--wait")


def test_the_endpoints_topics_are_the_planted_ones(approved: Any, operator: Operator) -> None:
    found = operator("topics")["topics"]
    for words in planted.TOPICS.values():
        best = max(len(set(words) & {word for word, _ in topic["words"][:10]}) for topic in found)
        assert best >= 8, (words, found)


def test_a_text_is_assigned_its_planted_topic(approved: Any, operator: Operator) -> None:
    topics = operator("topics")["topics"]
    texts = [planted.document(name, 10_000) for name in planted.TOPICS]
    answered = operator("infer", *texts)["predictions"]
    for words, prediction in zip(planted.TOPICS.values(), answered, strict=True):
        weights = prediction["topic_weights"]
        assert sum(weights) == pytest.approx(1)
        top = topics[weights.index(max(weights))]
        assert len(set(words) & {word for word, _ in top["words"][:10]}) >= 8


def test_the_endpoint_accepts_a_bag_of_words(
    approved: Any, outputs: dict[str, str], clients: Clients, bags_of_words: str
) -> None:
    words = content(clients, f"{bags_of_words}/auxiliary/vocab.txt").decode().split("\n")[:-1]
    row = ",".join("3" if word in planted.TOPICS["sea"] else "0" for word in words)
    answer = clients("sagemaker-runtime").invoke_endpoint(
        EndpointName=outputs["EndpointName"], ContentType="text/csv", Body=f"{row}\n{row}\n"
    )
    assert answer["ContentType"] == "application/json"
    weights = [prediction["topic_weights"] for prediction in json.load(answer["Body"])["predictions"]]
    assert weights[0] == weights[1]
    assert max(weights[0]) > 0.5


def test_a_malformed_request_returns_status_400(approved: Any, outputs: dict[str, str], clients: Clients) -> None:
    runtime = clients("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as error:
        runtime.invoke_endpoint(EndpointName=outputs["EndpointName"], ContentType="text/csv", Body="1,2,3\n")
    assert error.value.response["OriginalStatusCode"] == 400


def test_the_endpoint_scales_between_the_environments_limits(approved: Any, clients: Clients) -> None:
    scaling, endpoint = clients("application-autoscaling"), "endpoint/topicsmith-dev/variant/AllTraffic"
    targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    (target,) = (each for each in targets if each["ResourceId"] == endpoint)
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 2)
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    (policy,) = (each for each in policies if each["ResourceId"] == endpoint)
    configuration = policy["TargetTrackingScalingPolicyConfiguration"]
    assert configuration["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    }


def test_new_scaling_limits_are_applied_with_autoscalings_own_role(approved: Any, clients: Clients) -> None:
    scaling, resource = clients("application-autoscaling"), "endpoint/topicsmith-dev/variant/AllTraffic"
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": resource,
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }

    def instances() -> int:
        (variant,) = clients("sagemaker").describe_endpoint(EndpointName="topicsmith-dev")["ProductionVariants"]
        count: int = variant["CurrentInstanceCount"]
        return count

    for least, greatest in ((2, 2), (1, 1)):
        scaling.register_scalable_target(**target, MinCapacity=least, MaxCapacity=greatest)
        wait_for(lambda expected=least: instances() == expected, "the instances")
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
    activities = scaling.describe_scaling_activities(ServiceNamespace="sagemaker", ResourceId=resource)
    assert [activity["Cause"] for activity in activities["ScalingActivities"]][:2] == [
        "maximum capacity was set to 1",
        "minimum capacity was set to 2",
    ]


def test_a_corpus_of_stop_words_fails_with_the_reason_and_registers_nothing(
    operator: Operator, tmp_path: Path, run: Any
) -> None:
    useless = tmp_path / "useless.csv"
    useless.write_text("key,title,body\n" + "1,the,and of it\n" * 60)
    before = operator("models")
    failed = operator.attempt("run", useless, "--text", "title,body")
    assert failed.returncode == 1
    assert "Preprocess failed" in failed.stderr
    assert "text_columns" in failed.stderr
    assert operator("models") == before
