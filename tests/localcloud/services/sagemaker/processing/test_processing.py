import json
import re
from typing import Any

import pytest

from tests.localcloud.support import BUCKET, IMAGE, SmallCloud, wait_for

ENDED = ("Completed", "Failed", "Stopped")


def _input(name: str, uri: str, **source: str) -> dict[str, Any]:
    s3 = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/input/{name}", "S3DataType": "S3Prefix"}
    return {"InputName": name, "S3Input": {**s3, "S3InputMode": "File", **source}}


def _output(prefix: str, **target: str) -> dict[str, Any]:
    s3 = {"S3Uri": f"s3://{BUCKET}/{prefix}", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    return {"Outputs": [{"OutputName": "result", "S3Output": {**s3, **target}}]}


def _process(cloud: SmallCloud, name: str, *arguments: str, instances: int = 1, **more: Any) -> None:
    request = {
        "ProcessingJobName": name,
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["/opt/program/process"],
            "ContainerArguments": list(arguments),
        },
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": instances, "VolumeSizeInGB": 1}
        },
        "ProcessingOutputConfig": _output(f"processed/{name}"),
        "RoleArn": cloud.role_arn,
    }
    cloud.client("sagemaker").create_processing_job(**request | more)


def _describe(cloud: SmallCloud, name: str) -> dict[str, Any]:
    described: dict[str, Any] = cloud.client("sagemaker").describe_processing_job(ProcessingJobName=name)
    return described


def _ended(cloud: SmallCloud, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job = _describe(cloud, name)
        return job if job["ProcessingJobStatus"] in ENDED else None

    return wait_for(look)


def _keys(cloud: SmallCloud, prefix: str) -> list[str]:
    listed = cloud.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    return [found["Key"].removeprefix(prefix) for found in listed.get("Contents", [])]


def _report(cloud: SmallCloud, key: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(cloud.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())
    return report


def test_job_reads_its_inputs_and_leaves_its_outputs(cloud: SmallCloud) -> None:
    model = cloud.put("to-process/model/model.tar.gz", "m")
    cloud.put("to-process/data/a.txt", "a")
    cloud.put("to-process/data/deep/b.txt", "b")
    _process(
        cloud,
        "tell",
        "tell",
        "--data",
        "/opt/ml/processing/input/data",
        ProcessingInputs=[_input("model", model), _input("data", f"s3://{BUCKET}/to-process/data")],
        Environment={"GREETING": "hello", "WHERE": "/opt/ml/processing/output"},
    )
    began = _describe(cloud, "tell")
    assert began["ProcessingJobStatus"] == "InProgress"
    assert "ProcessingEndTime" not in began
    job = _ended(cloud, "tell")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert began["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert job["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 1
    assert _keys(cloud, "processed/tell/") == ["begun.txt", "deep/algo-1.json"]
    base = cloud.state / "processing-jobs" / "tell" / "algo-1"
    assert _report(cloud, "processed/tell/deep/algo-1.json") == {
        "arguments": ["--data", f"{base}/processing/input/data"],
        "greeting": "hello",
        "where": f"{base}/processing/output",
        "has_credentials": True,
        "files": ["data/a.txt", "data/deep/b.txt", "model/model.tar.gz"],
    }
    assert cloud.log("/aws/sagemaker/ProcessingJobs", "tell/algo-1-") == ["processing on algo-1, tell"]
    listed = cloud.client("sagemaker").list_processing_jobs(NameContains="tell")["ProcessingJobSummaries"]
    assert [item["ProcessingJobStatus"] for item in listed] == ["Completed"]


def test_script_among_the_inputs_runs(cloud: SmallCloud) -> None:
    script = cloud.put("to-process/script.py", "import sys\nopen(sys.argv[1] + '/done.txt', 'w').write('done')\n")
    specification = {
        "ImageUri": IMAGE,
        "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/script.py"],
        "ContainerArguments": ["/opt/ml/processing/output"],
    }
    _process(cloud, "script", AppSpecification=specification, ProcessingInputs=[_input("code", script)])
    job = _ended(cloud, "script")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert _keys(cloud, "processed/script/") == ["done.txt"]


@pytest.mark.parametrize(("mode", "message"), [("fail", "the corpus is empty"), ("crash", None)])
def test_failing_program_fails_the_job_and_uploads_nothing(cloud: SmallCloud, mode: str, message: str | None) -> None:
    _process(cloud, f"processing-{mode}", mode)
    job = _ended(cloud, f"processing-{mode}")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert job.get("ExitMessage") == message
    assert _keys(cloud, f"processed/processing-{mode}/") == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"ProcessingInputs": [_input("data", f"s3://{BUCKET}/nowhere/")]},
            f'ClientError: No S3 objects found under S3 URL "s3://{BUCKET}/nowhere/"',
        ),
        ({"AppSpecification": {"ImageUri": IMAGE}}, "ClientError: The image .* has no entry point of its own"),
        (
            {"AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["/opt/program/other"]}},
            "ClientError: The image .* has no executable 'other'",
        ),
        (
            {"AppSpecification": {"ImageUri": IMAGE.replace(":1", ":none"), "ContainerEntrypoint": ["process"]}},
            "ClientError: Role .* cannot pull",
        ),
        (
            {"ProcessingOutputConfig": _output("x", S3Uri="s3://no-such-bucket/x")},
            "ClientError: Output upload failed: s3://no-such-bucket/x/begun.txt: .*NoSuchBucket",
        ),
    ],
)
def test_missing_resource_fails_the_job_with_the_reason(
    cloud: SmallCloud, request: pytest.FixtureRequest, changes: dict[str, Any], reason: str
) -> None:
    name = f"missing-{request.node.callspec.indices['changes']}"
    _process(cloud, name, "tell", **changes)
    job = _ended(cloud, name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert re.match(reason, job["FailureReason"]), job["FailureReason"]


def test_stopped_job_uploads_nothing(cloud: SmallCloud) -> None:
    _process(cloud, "processing-stopped", "wait")
    begun = cloud.state / "processing-jobs" / "processing-stopped" / "algo-1" / "processing" / "output" / "begun.txt"
    wait_for(begun.exists)
    client = cloud.client("sagemaker")
    client.stop_processing_job(ProcessingJobName="processing-stopped")
    job = _ended(cloud, "processing-stopped")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    assert _keys(cloud, "processed/processing-stopped/") == []
    with pytest.raises(client.exceptions.ClientError, match="is in status Stopped"):
        client.stop_processing_job(ProcessingJobName="processing-stopped")


def test_job_is_stopped_at_its_longest_runtime(cloud: SmallCloud) -> None:
    _process(cloud, "processing-long", "wait", StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = _ended(cloud, "processing-long")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert job["FailureReason"] == "ClientError: Processing job stopped: MaxRuntimeExceeded"


def test_continuous_output_is_uploaded_before_the_end(cloud: SmallCloud) -> None:
    config = _output("processed/continuous", S3UploadMode="Continuous")
    _process(cloud, "continuous", "wait", ProcessingOutputConfig=config)
    wait_for(lambda: _keys(cloud, "processed/continuous/") == ["begun.txt"])
    assert _describe(cloud, "continuous")["ProcessingJobStatus"] == "InProgress"
    cloud.client("sagemaker").stop_processing_job(ProcessingJobName="continuous")
    assert _ended(cloud, "continuous")["ProcessingJobStatus"] == "Stopped"


def test_sharded_input_is_divided_among_hosts(cloud: SmallCloud) -> None:
    for name in "abcd":
        cloud.put(f"to-share/{name}.txt", name)
    shards = _input("data", f"s3://{BUCKET}/to-share/", S3DataDistributionType="ShardedByS3Key")
    _process(cloud, "two-hosts", "tell", instances=2, ProcessingInputs=[shards])
    job = _ended(cloud, "two-hosts")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    report = [_report(cloud, f"processed/two-hosts/deep/algo-{number}.json")["files"] for number in (1, 2)]
    assert report == [["data/a.txt", "data/c.txt"], ["data/b.txt", "data/d.txt"]]


def test_isolated_job_has_no_credentials(cloud: SmallCloud) -> None:
    _process(cloud, "isolated", "tell", NetworkConfig={"EnableNetworkIsolation": True})
    assert _ended(cloud, "isolated")["ProcessingJobStatus"] == "Completed"
    assert _report(cloud, "processed/isolated/deep/algo-1.json")["has_credentials"] is False


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"ProcessingInputs": [_input("data", "s3://b/x", LocalPath="/tmp/x")]},
            "Input 'data' has the LocalPath '/tmp/x'; it must begin with /opt/ml/processing/",
        ),
        ({"ProcessingInputs": [_input("data", "s3://b/x", S3InputMode="Pipe")]}, "the local cloud supports only File"),
        ({"ProcessingInputs": [_input("data", "s3://b/x", S3CompressionType="Gzip")]}, "needs the S3InputMode Pipe"),
        (
            {
                "ProcessingOutputConfig": {
                    "Outputs": [{"OutputName": "o", "FeatureStoreOutput": {"FeatureGroupName": "g"}}]
                }
            },
            "Output 'o' is not in S3",
        ),
    ],
)
def test_unsupported_requests_are_refused(cloud: SmallCloud, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(cloud.client("sagemaker").exceptions.ClientError, match=f"ValidationException.*{complaint}"):
        _process(cloud, "refused", "tell", **changes)


def test_processing_job_name_must_be_unique(cloud: SmallCloud) -> None:
    _process(cloud, "processing-once", "fail")
    with pytest.raises(cloud.client("sagemaker").exceptions.ClientError, match="must be unique"):
        _process(cloud, "processing-once", "fail")
    _ended(cloud, "processing-once")


def test_processing_role_must_trust_sagemaker(cloud: SmallCloud) -> None:
    role = cloud.role("processing-for-lambda-only", "lambda.amazonaws.com")
    with pytest.raises(cloud.client("sagemaker").exceptions.ClientError, match="Could not assume role"):
        _process(cloud, "processing-untrusted", "tell", RoleArn=role)
