import gzip
import io
import json
import os
import signal
import tarfile
from typing import Any

import pytest

from tests.localcloud.support import BUCKET, IMAGE, SmallCloud, wait_for

LOSS = r"#quality_metric: host=\S+, epoch=\S+, validation total_loss <loss>=(\S+)"
ENDED = ("Completed", "Failed", "Stopped")


def _train(cloud: SmallCloud, name: str, hyperparameters: dict[str, str] | None = None, **more: Any) -> None:
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "validation:total_loss", "Regex": LOSS}],
        },
        "RoleArn": cloud.role_arn,
        "HyperParameters": hyperparameters or {},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    cloud.client("sagemaker").create_training_job(**request | more)


def _channel(name: str, uri: str, **source: str) -> dict[str, Any]:
    s3 = {"S3DataType": "S3Prefix", "S3Uri": uri, **source}
    return {"ChannelName": name, "DataSource": {"S3DataSource": s3}, "ContentType": "text/plain"}


def _describe(cloud: SmallCloud, name: str) -> dict[str, Any]:
    described: dict[str, Any] = cloud.client("sagemaker").describe_training_job(TrainingJobName=name)
    return described


def _ended(cloud: SmallCloud, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job = _describe(cloud, name)
        return job if job["TrainingJobStatus"] in ENDED else None

    return wait_for(look)


def _artifact(cloud: SmallCloud, uri: str) -> dict[str, Any]:
    key = uri.removeprefix(f"s3://{BUCKET}/")
    body = cloud.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {
            member.name: json.loads(file.read())
            for member in tar.getmembers()
            if (file := tar.extractfile(member)) is not None
        }


def test_job_completes_with_model_log_and_metrics(cloud: SmallCloud) -> None:
    cloud.put("learn/a.txt", "a")
    cloud.put("learn/deep/b.txt", "b")
    channels = [_channel("train", f"s3://{BUCKET}/learn/"), _channel("validation", f"s3://{BUCKET}/learn/a.txt")]
    _train(cloud, "learn", {"answer": "43"}, InputDataConfig=channels, Environment={"GREETING": "hello"})
    began = _describe(cloud, "learn")
    assert began["TrainingJobStatus"] == "InProgress"
    assert "ModelArtifacts" not in began
    job = _ended(cloud, "learn")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed", job.get("FailureReason")
    transitions = job["SecondaryStatusTransitions"]
    assert [item["Status"] for item in transitions] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert all(item["StartTime"] <= item["EndTime"] for item in transitions)
    assert job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert [(item["MetricName"], item["Value"]) for item in job["FinalMetricDataList"]] == [
        ("validation:total_loss", 1.125)
    ]
    assert job["Environment"] == {"GREETING": "hello"}
    assert job["OutputDataConfig"] == {"KmsKeyId": "", "S3OutputPath": f"s3://{BUCKET}/models"}
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/models/learn/output/model.tar.gz"
    model = _artifact(cloud, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert model["model.json"]["answer"] == "43"
    assert model["model.json"]["files"] == ["train/a.txt", "train/deep/b.txt", "validation/a.txt"]
    log = cloud.log("/aws/sagemaker/TrainingJobs", "learn/algo-1-")
    assert log[0] == "training on algo-1, learn, hello"
    assert len(log) == 4
    metrics = cloud.client("cloudwatch").list_metrics(Namespace="/aws/sagemaker/TrainingJobs")["Metrics"]
    assert {"Name": "Host", "Value": "learn/algo-1"} in [item["Dimensions"][0] for item in metrics]
    configuration = cloud.state / "jobs" / "learn" / "algo-1" / "input" / "config"
    assert json.loads((configuration / "hyperparameters.json").read_text()) == {"answer": "43"}
    assert json.loads((configuration / "inputdataconfig.json").read_text())["train"] == {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
        "ContentType": "text/plain",
    }


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("fail", "AlgorithmError: the corpus is empty, exit code: 1"),
        ("crash", "AlgorithmError: , exit code: 137"),
    ],
)
def test_failing_program_fails_the_job_with_its_reason(cloud: SmallCloud, mode: str, reason: str) -> None:
    _train(cloud, mode, {"mode": mode})
    job = _ended(cloud, mode)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == reason
    assert "ModelArtifacts" not in job
    assert "Contents" not in cloud.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"models/{mode}/")


@pytest.mark.parametrize("attempts", [None, 2])
def test_internal_error_is_retried_if_the_request_allows_it(cloud: SmallCloud, attempts: int | None) -> None:
    name = f"internal-{attempts}"
    directory = cloud.state / "jobs" / name
    directory.mkdir(parents=True)
    (directory / "algo-1").write_text("in the place of the machine's directory")
    _train(cloud, name, **({"RetryStrategy": {"MaximumRetryAttempts": attempts}} if attempts else {}))
    job = _ended(cloud, name)
    statuses = [item["Status"] for item in job["SecondaryStatusTransitions"]]
    if attempts:
        again = ["Starting", "Downloading", "Training", "Uploading", "Completed"]
        assert statuses == ["Starting", "Downloading", *again], job.get("FailureReason")
        assert job["RetryStrategy"] == {"MaximumRetryAttempts": attempts}
    else:
        assert statuses == ["Starting", "Downloading", "Failed"]
        assert job["FailureReason"].startswith("InternalServerError: ")


def test_failing_program_is_not_retried(cloud: SmallCloud) -> None:
    _train(cloud, "crash-once", {"mode": "crash"}, RetryStrategy={"MaximumRetryAttempts": 2})
    job = _ended(cloud, "crash-once")
    assert job["FailureReason"] == "AlgorithmError: , exit code: 137"
    statuses = [item["Status"] for item in job["SecondaryStatusTransitions"]]
    assert statuses == ["Starting", "Downloading", "Training", "Failed"]


def test_missing_data_fails_the_job_with_the_reason(cloud: SmallCloud) -> None:
    _train(cloud, "no-data", InputDataConfig=[_channel("train", f"s3://{BUCKET}/nowhere/")])
    job = _ended(cloud, "no-data")
    assert job["FailureReason"].startswith(f'ClientError: No S3 objects found under S3 URL "s3://{BUCKET}/nowhere/"')
    assert "TrainingStartTime" not in job


def test_unknown_image_fails_the_job_with_the_reason(cloud: SmallCloud) -> None:
    image = IMAGE.replace(":1", ":nothing")
    _train(cloud, "no-image", AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"})
    assert f"cannot pull {image}" in _ended(cloud, "no-image")["FailureReason"]


def test_stopped_job_keeps_its_saved_model(cloud: SmallCloud) -> None:
    _train(cloud, "stopped", {"mode": "wait"})
    client = cloud.client("sagemaker")
    wait_for(lambda: _describe(cloud, "stopped")["SecondaryStatus"] == "Training")
    wait_for(lambda: (cloud.state / "jobs" / "stopped" / "algo-1" / "model" / "model.json").exists())
    client.stop_training_job(TrainingJobName="stopped")
    job = _ended(cloud, "stopped")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert _artifact(cloud, job["ModelArtifacts"]["S3ModelArtifacts"])["model.json"]["answer"] == "saved early"
    with pytest.raises(client.exceptions.ClientError, match="status Stopped"):
        client.stop_training_job(TrainingJobName="stopped")


def test_job_is_stopped_at_its_longest_runtime(cloud: SmallCloud) -> None:
    _train(cloud, "too-long", {"mode": "wait"}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = _ended(cloud, "too-long")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_two_hosts_share_the_objects(cloud: SmallCloud) -> None:
    for name in "abcd":
        cloud.put(f"shards/{name}.txt", name)
    _train(
        cloud,
        "shared",
        InputDataConfig=[_channel("train", f"s3://{BUCKET}/shards", S3DataDistributionType="ShardedByS3Key")],
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    job = _ended(cloud, "shared")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    model = _artifact(cloud, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert model["algo-1.json"]["files"] == ["train/a.txt", "train/c.txt"]
    assert model["algo-2.json"]["files"] == ["train/b.txt", "train/d.txt"]
    # Names such as algo-1 do not resolve here, so the hosts get an address to meet at.
    assert model["algo-1.json"]["meets_at"] == model["algo-2.json"]["meets_at"]
    assert model["algo-1.json"]["meets_at"][0] == "127.0.0.1"


def test_failure_reason_comes_from_the_failed_host(cloud: SmallCloud) -> None:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    _train(cloud, "second", {"mode": "fail on the second"}, ResourceConfig=resources)
    reason = _ended(cloud, "second")["FailureReason"]
    assert reason == "AlgorithmError: the second host has no documents, exit code: 1"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "alpha\nbeta\n"),
        ({"RecordWrapperType": "RecordIO"}, "\n#\xd7\xce\6\0\0\0alpha\n\0\0\n#\xd7\xce\5\0\0\0beta\n\0\0\0"),
        ({"CompressionType": "Gzip"}, "alpha\nbeta\n"),
    ],
)
def test_pipe_gives_all_objects_epoch_by_epoch(cloud: SmallCloud, settings: dict[str, str], expected: str) -> None:
    name = "".join(settings.values()) or "plain"
    for number, text in enumerate((b"alpha\n", b"beta\n")):
        cloud.put(f"piped/{name}/{number}", gzip.compress(text) if name == "Gzip" else text)
    channel = _channel("train", f"s3://{BUCKET}/piped/{name}/") | {"InputMode": "Pipe"} | settings
    _train(cloud, f"piped-{name}", {"mode": "pipe"}, InputDataConfig=[channel])
    job = _ended(cloud, f"piped-{name}")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    model = _artifact(cloud, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert model["pipes.json"] == [expected, expected[0]]
    directory = cloud.state / "jobs" / f"piped-{name}" / "algo-1" / "input"
    assert (
        json.loads((directory / "config" / "inputdataconfig.json").read_text())["train"]["TrainingInputMode"] == "Pipe"
    )
    assert not list((directory / "data").iterdir())


@pytest.mark.parametrize("mode", ["learn", "wait"])
def test_unread_pipe_does_not_block_the_job(cloud: SmallCloud, mode: str) -> None:
    cloud.put("unread/0", "x" * 1_000_000)
    specification = {"TrainingImage": IMAGE, "TrainingInputMode": "Pipe"}
    channels = [_channel("train", f"s3://{BUCKET}/unread/")]
    _train(cloud, f"unread-{mode}", {"mode": mode}, InputDataConfig=channels, AlgorithmSpecification=specification)
    if mode == "wait":
        wait_for(lambda: (cloud.state / "jobs" / "unread-wait" / "algo-1" / "model" / "model.json").exists())
        cloud.client("sagemaker").stop_training_job(TrainingJobName="unread-wait")
    assert _ended(cloud, f"unread-{mode}")["TrainingJobStatus"] == ("Stopped" if mode == "wait" else "Completed")


def test_object_that_cannot_be_piped_fails_the_job_with_the_reason(cloud: SmallCloud) -> None:
    cloud.put("not-gzip/0", "plain")
    channel = _channel("train", f"s3://{BUCKET}/not-gzip/") | {"InputMode": "Pipe", "CompressionType": "Gzip"}
    _train(cloud, "not-gzip", {"mode": "pipe"}, InputDataConfig=[channel])
    reason = _ended(cloud, "not-gzip")["FailureReason"]
    assert reason.startswith(f"ClientError: Data download failed: s3://{BUCKET}/not-gzip/0: Not a gzipped file")


def test_fast_file_looks_like_files(cloud: SmallCloud) -> None:
    cloud.put("fast/a.txt", "a")
    _train(cloud, "fast", InputDataConfig=[_channel("train", f"s3://{BUCKET}/fast/") | {"InputMode": "FastFile"}])
    model = _artifact(cloud, _ended(cloud, "fast")["ModelArtifacts"]["S3ModelArtifacts"])
    assert model["model.json"]["files"] == ["train/a.txt"]


def test_name_must_be_unique(cloud: SmallCloud) -> None:
    _train(cloud, "once", {"mode": "fail"})
    with pytest.raises(cloud.client("sagemaker").exceptions.ClientError, match="must be unique"):
        _train(cloud, "once")


def test_role_must_trust_sagemaker(cloud: SmallCloud) -> None:
    role = cloud.role("for-lambda-only", "lambda.amazonaws.com")
    with pytest.raises(cloud.client("sagemaker").exceptions.ClientError, match="Could not assume role"):
        _train(cloud, "untrusted", RoleArn=role)
    with pytest.raises(cloud.client("sagemaker").exceptions.ClientError, match="Could not find training job"):
        _describe(cloud, "untrusted")


def test_jobs_are_listed_by_status(cloud: SmallCloud) -> None:
    _train(cloud, "listed", {"mode": "fail"})
    _ended(cloud, "listed")
    listed = cloud.client("sagemaker").list_training_jobs(StatusEquals="Failed", NameContains="listed")
    assert [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]] == ["listed"]


def test_interrupted_job_resumes_from_its_checkpoint(cloud: SmallCloud) -> None:
    cloud.put("resumed/epoch", "2")
    config = {"CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/resumed"}}
    _train(cloud, "before", {"mode": "checkpoint"}, **config)
    wait_for(lambda: cloud.log("/aws/sagemaker/TrainingJobs", "before/algo-1-")[-1:] == ["epoch 3"])
    pid = int((cloud.state / "jobs" / "before" / "algo-1" / "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    assert _ended(cloud, "before")["FailureReason"] == "AlgorithmError: , exit code: 137"
    _train(cloud, "after", {"mode": "checkpoint", "last": "5"}, **config)
    job = _ended(cloud, "after")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert cloud.log("/aws/sagemaker/TrainingJobs", "after/algo-1-")[-2:] == ["epoch 4", "epoch 5"]
    assert job["CheckpointConfig"] == config["CheckpointConfig"]


def test_without_checkpoint_config_there_is_no_directory_for_them(cloud: SmallCloud) -> None:
    _train(cloud, "no-checkpoints")
    _ended(cloud, "no-checkpoints")
    assert not (cloud.state / "jobs" / "no-checkpoints" / "algo-1" / "checkpoints").exists()


def test_spot_job_is_described_and_waits_no_longer_than_allowed(cloud: SmallCloud) -> None:
    spot = {"EnableManagedSpotTraining": True}
    condition = {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 600}
    _train(cloud, "spot", {"mode": "wait"}, StoppingCondition=condition, **spot)
    job = _ended(cloud, "spot")
    assert (job["SecondaryStatus"], job["StoppingCondition"]) == ("MaxRuntimeExceeded", condition)
    assert job["EnableManagedSpotTraining"]
    assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"]


@pytest.mark.parametrize(
    ("spot", "condition", "reason"),
    [
        (True, {"MaxRuntimeInSeconds": 60}, "Invalid MaxWaitTimeInSeconds"),
        (True, {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59}, "Invalid MaxWaitTimeInSeconds"),
        (
            False,
            {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
            "only supported when EnableManagedSpotTraining is set to true",
        ),
    ],
)
def test_longest_wait_requires_spot(cloud: SmallCloud, spot: bool, condition: dict[str, int], reason: str) -> None:
    with pytest.raises(cloud.client("sagemaker").exceptions.ClientError, match=reason):
        _train(cloud, "no-wait", EnableManagedSpotTraining=spot, StoppingCondition=condition)


def test_built_in_algorithm_without_checkpoints_waits_an_hour_at_most(cloud: SmallCloud) -> None:
    with pytest.raises(cloud.client("sagemaker").exceptions.ClientError, match="must be at most 3600"):
        _train(
            cloud,
            "waits-long",
            AlgorithmSpecification={
                "TrainingImage": "382416733822.dkr.ecr.us-east-1.amazonaws.com/ntm:1",
                "TrainingInputMode": "File",
            },
            EnableManagedSpotTraining=True,
            StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 3601},
        )


def test_settings_without_effect_are_described(cloud: SmallCloud) -> None:
    settings = {
        "ProfilerConfig": {"DisableProfiler": True},
        "RemoteDebugConfig": {"EnableRemoteDebug": False},
        "InfraCheckConfig": {"EnableInfraCheck": False},
    }
    _train(cloud, "settings", **settings)
    job = _ended(cloud, "settings")
    assert {name: job[name] for name in settings} == settings
