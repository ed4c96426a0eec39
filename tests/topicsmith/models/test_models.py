"""The ``models``, ``approve``, ``topics`` and ``infer`` commands."""

import json
from typing import Any

import boto3
import pytest
from moto.sagemaker.models import SageMakerModelBackend

from tests.topicsmith.account import TOPICS, Account, Invoke, backend, model_archive

MIXTURES = {
    "predictions": [
        {
            "topic_weights": [0.25, 0.75],
            "topics": [
                {"topic": 1, "weight": 0.75, "words": ["video0", "video1"]},
                {"topic": 0, "weight": 0.25, "words": ["key0", "key1"]},
            ],
        }
    ]
}


def test_models_are_listed_with_approval_quality_run_and_status(deployed: Account, invoke: Invoke) -> None:
    deployed.register(run="run1")
    deployed.serve(deployed.register(run="run2"))

    result = invoke("models", "--json")

    assert result.exit_code == 0
    assert [(m["version"], m["approval"], m["run"], m["served"]) for m in json.loads(result.stdout)] == [
        (2, "PendingManualApproval", "run2", True),
        (1, "PendingManualApproval", "run1", False),
    ]
    table = invoke("models").stdout
    assert "InService  0.314    0.97" in table
    assert "run1" in table


@pytest.mark.usefixtures("deployed")
def test_no_models_yet_says_how_to_train_one(invoke: Invoke) -> None:
    result = invoke("models")
    assert result.exit_code == 0
    assert "topicsmith-dev has no models yet" in result.stdout
    assert "run corpus.csv --env dev" in result.stdout


def test_approve_approves_only_that_version(deployed: Account, invoke: Invoke) -> None:
    first, second = deployed.register(), deployed.register()

    result = invoke("approve", "1")

    assert result.exit_code == 0, result.output
    sagemaker = boto3.client("sagemaker")
    assert sagemaker.describe_model_package(ModelPackageName=first)["ModelApprovalStatus"] == "Approved"
    assert sagemaker.describe_model_package(ModelPackageName=second)["ModelApprovalStatus"] == "PendingManualApproval"


def test_approving_an_earlier_version_again_restores_it(
    deployed: Account, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.register()
    assert invoke("approve", "1").exit_code == 0
    statuses: list[str] = []
    update = SageMakerModelBackend.update_model_package

    def note(*arguments: Any, **named: Any) -> str:
        statuses.append(named["model_approval_status"])
        return update(*arguments, **named)

    monkeypatch.setattr(SageMakerModelBackend, "update_model_package", note)
    assert invoke("approve", "1").exit_code == 0
    assert statuses == ["PendingManualApproval", "Approved"]


def test_approving_an_unknown_version_names_those_that_exist(deployed: Account, invoke: Invoke) -> None:
    deployed.register()
    deployed.register()
    result = invoke("approve", "7")
    assert result.exit_code == 1
    assert "topicsmith-dev has no version 7. Existing versions: 1, 2." in result.stderr
    assert result.stdout == ""


def test_approve_waits_until_the_endpoint_serves_the_version(deployed: Account, invoke: Invoke) -> None:
    deployed.serve(deployed.register())
    result = invoke("approve", "1", "--wait", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["approval"] == "Approved"
    assert answer["endpoint"] == {
        "endpoint": "topicsmith-dev",
        "status": "InService",
        "model_version": 1,
        "failure": None,
    }


def test_approve_of_a_pinned_model_names_the_line_to_change(account: Account, invoke: Invoke) -> None:
    account.deploy("prod", pinned=True)
    package = account.register(environment="prod")
    result = invoke("approve", "1", "--env", "prod", "--wait")
    assert result.exit_code == 0
    assert "serving.model_package in environments/prod.yaml" in result.stdout
    assert package in result.stdout


def test_topics_of_a_version(deployed: Account, invoke: Invoke) -> None:
    deployed.register()
    result = invoke("topics", "--version", "1", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["topics"] == TOPICS["topics"]
    table = invoke("topics").stdout
    assert " ".join(f"key{rank}" for rank in range(10)) in table
    assert "key10" not in table
    assert "70.0%" in table
    assert "2 topics, mean NPMI 0.250" in table


def test_topics_defaults_to_the_served_model(deployed: Account, invoke: Invoke) -> None:
    served = deployed.register()
    deployed.register()
    assert json.loads(invoke("topics", "--json").stdout)["model"].startswith("Model version 2")
    deployed.serve(served)
    assert json.loads(invoke("topics", "--json").stdout)["model"].startswith("Model version 1, served by")


def test_topics_of_a_run(deployed: Account, invoke: Invoke) -> None:
    boto3.client("s3").put_object(
        Bucket="topicsmith-dev-data", Key="models/r/job/output/model.tar.gz", Body=model_archive(TOPICS)
    )
    boto3.client("sagemaker").create_training_job(
        TrainingJobName="job",
        RoleArn="arn:aws:iam::123456789012:role/training",
        AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": "s3://topicsmith-dev-data/models/r"},
        ResourceConfig={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    job = backend().training_jobs["job"]
    job.model_artifacts = {"S3ModelArtifacts": "s3://topicsmith-dev-data/models/r/job/output/model.tar.gz"}
    arn = boto3.client("sagemaker").start_pipeline_execution(
        PipelineName="topicsmith-dev", ClientRequestToken="0" * 32, PipelineParameters=[]
    )["PipelineExecutionArn"]
    trained = {
        "StepName": "Train",
        "StepStatus": "Succeeded",
        "Metadata": {"TrainingJob": {"Arn": "arn:x:training-job/job"}},
    }
    deployed.steps = [[trained]]

    result = invoke("topics", "--run", arn.rpartition("/")[2], "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["num_topics"] == 2


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (b"not an archive", "is not a model archive"),
        (model_archive(TOPICS)[:200], "is not a model archive"),
        (model_archive(TOPICS, name="other.json"), "has no topics.json"),
        (model_archive(b"{"), "is invalid"),
        (model_archive({**TOPICS, "topics": [{"topic": "x"}]}), "is invalid: topics.0.topic"),
    ],
    ids=["no archive", "cut short", "no topics", "no JSON", "no topic number"],
)
def test_a_broken_model_archive_is_an_error_with_its_reason(
    deployed: Account, invoke: Invoke, archive: bytes, reason: str
) -> None:
    deployed.register(run="run1")
    boto3.client("s3").put_object(Bucket="topicsmith-dev-data", Key="models/run1/job/output/model.tar.gz", Body=archive)
    result = invoke("topics")
    assert result.exit_code == 1
    assert reason in result.stderr


def test_a_deleted_model_archive_is_an_error(deployed: Account, invoke: Invoke) -> None:
    deployed.register(run="run1")
    boto3.client("s3").delete_object(Bucket="topicsmith-dev-data", Key="models/run1/job/output/model.tar.gz")
    result = invoke("topics")
    assert result.exit_code == 1
    assert "no longer exists" in result.stderr


def test_a_version_and_a_run_together_are_a_usage_error(invoke: Invoke) -> None:
    assert invoke("topics", "--version", "1", "--run", "x").exit_code == 2


def test_infer_answers_with_the_words_of_each_topic(deployed: Account, invoke: Invoke) -> None:
    deployed.serve(deployed.register())
    deployed.answers_invocations_with(MIXTURES)
    result = invoke("infer", "a live video", "--json")
    assert result.exit_code == 0, result.output
    (prediction,) = json.loads(result.stdout)["predictions"]
    assert prediction["text"] == "a live video"
    assert prediction["topic_weights"] == [0.25, 0.75]
    assert [(t["topic"], t["weight"], t["words"][0]) for t in prediction["topics"]] == [
        (1, 0.75, "video0"),
        (0, 0.25, "key0"),
    ]


def test_infer_reads_one_text_per_line_from_stdin(deployed: Account, invoke: Invoke) -> None:
    deployed.serve(deployed.register())
    deployed.answers_invocations_with({"predictions": MIXTURES["predictions"] * 2})
    result = invoke("infer", "-", stdin="first\n\n  second \n")
    assert result.exit_code == 0, result.output
    assert [line for line in result.stdout.splitlines() if not line.startswith(" ")] == ["first", "second"]
    assert "75% ███████████████" in result.stdout


def test_infer_takes_arguments_that_are_not_utf_8(deployed: Account, invoke: Invoke) -> None:
    deployed.serve(deployed.register())
    deployed.answers_invocations_with(MIXTURES)
    result = invoke("infer", "caf\udce9", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["predictions"][0]["text"] == "caf?"


@pytest.mark.usefixtures("deployed")
def test_infer_without_a_text_is_a_usage_error(invoke: Invoke) -> None:
    assert invoke("infer", "  ").exit_code == 2
    assert invoke("infer", "-", stdin="\n").exit_code == 2


@pytest.mark.parametrize(
    "answer",
    [
        {"predictions": []},
        {"predictions": [{"topic_weights": "many"}]},
        {"predictions": [{"topic_weights": [float("nan")]}]},
        "text",
    ],
)
def test_an_invalid_answer_is_an_error(deployed: Account, invoke: Invoke, answer: object) -> None:
    deployed.serve(deployed.register())
    deployed.answers_invocations_with(answer)
    result = invoke("infer", "a text")
    assert result.exit_code == 1
    assert "Endpoint topicsmith-dev returned" in result.stderr


def test_infer_shows_topic_numbers_if_the_model_has_no_words(deployed: Account, invoke: Invoke) -> None:
    deployed.serve(deployed.register())
    deployed.answers_invocations_with({"predictions": [{"topic_weights": [0.25, 0.75]}]})
    result = invoke("infer", "a text")
    assert result.exit_code == 0
    assert "75% ███████████████       topic 1" in result.stdout
