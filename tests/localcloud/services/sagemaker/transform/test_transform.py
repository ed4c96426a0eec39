import gzip
import io
import json
import re
import tarfile
from typing import Any

import pytest

from tests.localcloud.support import BUCKET, IMAGE, SmallCloud, wait_for

JSON_LINES = "application/jsonlines"
JOINED = {"InputFilter": "$.instance", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"}
ENDED = ("Completed", "Failed", "Stopped")


@pytest.fixture(scope="module")
def model(cloud: SmallCloud) -> str:
    return _model(cloud, "transform-model", "42")


def _model(cloud: SmallCloud, name: str, answer: str) -> str:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        content = json.dumps({"answer": answer}).encode()
        member = tarfile.TarInfo("model.json")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    container = {"Image": IMAGE, "ModelDataUrl": cloud.put(f"models/{name}.tar.gz", archive.getvalue())}
    cloud.client("sagemaker").create_model(
        ModelName=name, ExecutionRoleArn=cloud.role_arn, PrimaryContainer={**container, "Environment": {"A": "b"}}
    )
    return name


def _lines(*values: Any) -> str:
    return "".join(json.dumps({"id": str(number), "instance": value}) + "\n" for number, value in enumerate(values))


def _transform(cloud: SmallCloud, name: str, prefix: str, model: str = "transform-model", **more: Any) -> None:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}"}}
    request = {
        "TransformJobName": name,
        "ModelName": model,
        "TransformInput": {"DataSource": source, "ContentType": JSON_LINES, "SplitType": "Line"},
        "TransformOutput": {
            "S3OutputPath": f"s3://{BUCKET}/vectors/{name}",
            "Accept": JSON_LINES,
            "AssembleWith": "Line",
        },
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "BatchStrategy": "MultiRecord",
        "DataProcessing": JOINED,
    }
    cloud.client("sagemaker").create_transform_job(**request | more)


def _ended(cloud: SmallCloud, name: str) -> dict[str, Any]:
    client = cloud.client("sagemaker")

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = client.describe_transform_job(TransformJobName=name)
        return job if job["TransformJobStatus"] in ENDED else None

    return wait_for(look)


def _keys(cloud: SmallCloud, prefix: str) -> list[str]:
    listed = cloud.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    return [found["Key"].removeprefix(prefix) for found in listed.get("Contents", [])]


def _output(cloud: SmallCloud, key: str) -> list[dict[str, Any]]:
    body = cloud.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return [json.loads(line) for line in body.splitlines()]


def test_every_record_gets_its_answer(cloud: SmallCloud, model: str) -> None:
    cloud.put("documents/one/part-0.jsonl", _lines(*"abc"))
    cloud.put("documents/one/deep/part-1.jsonl", _lines("d", {"e": [1, 2]}))
    _transform(cloud, "whole", "documents/one")
    client = cloud.client("sagemaker")
    began = client.describe_transform_job(TransformJobName="whole")
    assert began["TransformJobStatus"] == "InProgress"
    assert "TransformEndTime" not in began
    job = _ended(cloud, "whole")
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert began["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    assert (job["ModelName"], job["MaxPayloadInMB"], job["BatchStrategy"]) == (model, 6, "MultiRecord")
    assert _keys(cloud, "vectors/whole/") == ["deep/part-1.jsonl.out", "part-0.jsonl.out"]
    assert _output(cloud, "vectors/whole/part-0.jsonl.out") == [
        {"id": str(number), "SageMakerOutput": {"answer": "42", "echo": text, "together": 3}}
        for number, text in enumerate("abc")
    ]
    assert [line["SageMakerOutput"]["echo"] for line in _output(cloud, "vectors/whole/deep/part-1.jsonl.out")] == [
        "d",
        {"e": [1, 2]},
    ]
    assert cloud.log("/aws/sagemaker/TransformJobs", "whole/i-")[0] == "serving 42"
    assert not (cloud.state / "transform-jobs" / "whole").exists()


def test_single_records_are_sent_concurrently(cloud: SmallCloud, model: str) -> None:
    cloud.put("documents/many/part.jsonl.gz", gzip.compress(_lines(*range(40)).encode()))
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/documents/many/"}}
    _transform(
        cloud,
        "single",
        "",
        TransformInput={
            "DataSource": source,
            "ContentType": JSON_LINES,
            "SplitType": "Line",
            "CompressionType": "Gzip",
        },
        BatchStrategy="SingleRecord",
        MaxConcurrentTransforms=4,
        MaxPayloadInMB=1,
    )
    job = _ended(cloud, "single")
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    lines = _output(cloud, "vectors/single/part.jsonl.gz.out")
    assert [line["SageMakerOutput"]["echo"] for line in lines] == list(range(40))
    assert {line["SageMakerOutput"]["together"] for line in lines} == {1}


def test_instances_share_the_objects(cloud: SmallCloud, model: str) -> None:
    for number in range(4):
        cloud.put(f"documents/shared/{number}.jsonl", _lines(number))
    _transform(
        cloud, "two", "documents/shared/", TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 2}
    )
    job = _ended(cloud, "two")
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert _keys(cloud, "vectors/two/") == [f"{number}.jsonl.out" for number in range(4)]
    assert len([line for line in cloud.log("/aws/sagemaker/TransformJobs", "two/i-") if line == "serving 42"]) == 2


def test_failure_on_one_instance_ends_the_others(cloud: SmallCloud, model: str) -> None:
    cloud.put("documents/uneven/0.jsonl", _lines("sleep"))
    cloud.put("documents/uneven/1.jsonl", _lines("bad"))
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    _transform(cloud, "uneven", "documents/uneven/", TransformResources=resources)
    job = _ended(cloud, "uneven")
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert _keys(cloud, "vectors/uneven/") == []
    said = [line for line in cloud.log("/aws/sagemaker/TransformJobs", "uneven/") if "Error" in line]
    assert len(said) == 1, said


def test_outputs_are_written_unchanged_without_data_processing(cloud: SmallCloud, model: str) -> None:
    cloud.put("documents/csv/rows.csv", "1,2\n3,4\n")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/documents/csv/rows.csv"}}
    _transform(
        cloud,
        "plain",
        "",
        TransformInput={"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/vectors/plain"},
        DataProcessing={},
        Environment={"GREETING": "hello"},
    )
    job = _ended(cloud, "plain")
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    (answer,) = _output(cloud, "vectors/plain/rows.csv.out")
    assert (answer["echo"], answer["type"], answer["greeting"]) == ("1,2\n3,4", "text/csv", "hello")


def test_failed_request_is_retried(cloud: SmallCloud, model: str) -> None:
    cloud.put("documents/once.jsonl", _lines("once"))
    _transform(cloud, "once", "documents/once.jsonl")
    job = _ended(cloud, "once")
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")


@pytest.mark.parametrize(
    ("value", "reason", "said"),
    [
        ("bad", "ClientError: See job logs for more information", "400: .*no such thing as bad"),
        ("never", "AlgorithmError: See job logs for more information", "500: .*never"),
        ("die", "AlgorithmError: See job logs for more information", "the container exited with code 7"),
    ],
)
def test_record_that_the_model_rejects_fails_the_job(
    cloud: SmallCloud, model: str, value: str, reason: str, said: str
) -> None:
    cloud.put(f"documents/{value}/1.jsonl", _lines("fine", value))
    cloud.put(f"documents/{value}/2.jsonl", _lines("fine"))
    _transform(cloud, f"transform-{value}", f"documents/{value}", ModelClientConfig={"InvocationsMaxRetries": 1})
    job = _ended(cloud, f"transform-{value}")
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == reason
    assert _keys(cloud, f"vectors/transform-{value}/") == []
    log = cloud.log("/aws/sagemaker/TransformJobs", f"transform-{value}/")
    assert any(re.search(said, line) for line in log), log


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not JSON\n", "ClientError: A record is not JSON"),
        ('{"id": "1"}\n', r"ClientError: The filter \$.instance does not match a record"),
        (_lines("x" * 1_100_000), "ClientError: A record has 1100002 bytes; MaxPayloadInMB allows"),
    ],
)
def test_invalid_data_fails_the_job(
    cloud: SmallCloud, model: str, request: pytest.FixtureRequest, body: str, reason: str
) -> None:
    name = f"unfit-{request.node.callspec.indices['body']}"
    cloud.put(f"documents/{name}.jsonl", body)
    _transform(cloud, name, f"documents/{name}.jsonl", MaxPayloadInMB=1)
    job = _ended(cloud, name)
    assert job["TransformJobStatus"] == "Failed"
    assert re.match(reason, job["FailureReason"]), job["FailureReason"]
    assert _keys(cloud, f"vectors/{name}/") == []


def test_no_data_fails_the_job_with_the_reason(cloud: SmallCloud, model: str) -> None:
    _transform(cloud, "transform-nothing", "nowhere/")
    reason = _ended(cloud, "transform-nothing")["FailureReason"]
    assert reason.startswith(f'ClientError: No S3 objects found under S3 URL "s3://{BUCKET}/nowhere/"')


def test_model_that_fails_to_start_fails_the_job(cloud: SmallCloud) -> None:
    cloud.put("documents/for-broken.jsonl", _lines("a"))
    _transform(cloud, "transform-broken", "documents/for-broken.jsonl", _model(cloud, "broken-model", "broken"))
    job = _ended(cloud, "transform-broken")
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    log = cloud.log("/aws/sagemaker/TransformJobs", "transform-broken/")
    assert log == ["this model cannot be served", "Local cloud: the container exited with code 3."]


def test_stopped_job_ends_quickly_and_writes_nothing(cloud: SmallCloud, model: str) -> None:
    cloud.put("documents/sleepy.jsonl", _lines("sleep"))
    _transform(cloud, "transform-stopped", "documents/sleepy.jsonl")
    client = cloud.client("sagemaker")
    wait_for(lambda: "TransformStartTime" in client.describe_transform_job(TransformJobName="transform-stopped"))
    client.stop_transform_job(TransformJobName="transform-stopped")
    job = _ended(cloud, "transform-stopped")
    assert job["TransformJobStatus"] == "Stopped"
    assert _keys(cloud, "vectors/transform-stopped/") == []
    with pytest.raises(client.exceptions.ClientError, match="is in status Stopped"):
        client.stop_transform_job(TransformJobName="transform-stopped")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"ModelName": "no-such-model"}, "Could not find model"),
        ({"MaxPayloadInMB": 20, "MaxConcurrentTransforms": 6}, "is 120; at most 100 is allowed"),
        ({"DataProcessing": {"InputFilter": "instance"}}, r"must begin with \$"),
        ({"TransformOutput": {"S3OutputPath": "s3://b/o", "Accept": "text/csv"}}, "both CSV, or both JSON"),
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://b/c"}}, "does not support data capture"),
    ],
)
def test_unsupported_requests_are_refused(
    cloud: SmallCloud, model: str, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(cloud.client("sagemaker").exceptions.ClientError, match=complaint):
        _transform(cloud, "transform-refused", "documents/one", **changes)


def test_transform_job_name_must_be_unique(cloud: SmallCloud, model: str) -> None:
    _transform(cloud, "transform-once", "nowhere/")
    with pytest.raises(cloud.client("sagemaker").exceptions.ClientError, match="must be unique"):
        _transform(cloud, "transform-once", "nowhere/")
    _ended(cloud, "transform-once")
