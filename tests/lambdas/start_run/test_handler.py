from collections.abc import Iterator
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.sagemaker.models import SageMakerModelBackend
from mypy_boto3_s3 import S3Client

from lambdas.start_run.handler import OWN_RUN, ObjectCreated, handler
from topicsmith.corpora import corpus

_BUCKET = "topicsmith-dev-data"


@dataclass(frozen=True)
class _Invocation:
    aws_request_id: str = "5f0c"


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Parameters of the StartPipelineExecution calls, in an account with a bucket and a pipeline."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PIPELINE_NAME": "topicsmith-dev",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    made: list[dict[str, Any]] = []
    start = SageMakerModelBackend.start_pipeline_execution

    def note(*arguments: Any) -> dict[str, str]:
        made.append(signature(start).bind(*arguments).arguments)
        return start(*arguments)

    monkeypatch.setattr(SageMakerModelBackend, "start_pipeline_execution", note)
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket=_BUCKET)
        boto3.client("sagemaker").create_pipeline(
            PipelineName="topicsmith-dev",
            ClientRequestToken="0" * 32,
            RoleArn="arn:aws:iam::123456789012:role/pipeline",
            PipelineDefinition="{}",
        )
        yield made


@pytest.fixture
def s3(requests: list[dict[str, Any]]) -> S3Client:
    return boto3.client("s3")


def created(key: str, version: str = "v1") -> ObjectCreated:
    return {"detail": {"bucket": {"name": _BUCKET}, "object": {"key": key, "version-id": version}}}


@pytest.mark.parametrize("key", ["raw/reviews.csv", "raw/a b/Übung.JSONL.gz", "raw/x.ndjson"])
def test_an_uploaded_corpus_starts_a_run_on_it(s3: S3Client, requests: list[dict[str, Any]], key: str) -> None:
    s3.put_object(Bucket=_BUCKET, Key=key, Body=b"text\na\n")

    answer = handler(created(key), _Invocation())

    (request,) = requests
    assert request["pipeline_name"] == "topicsmith-dev"
    assert request["pipeline_parameters"] == [{"Name": "CorpusUri", "Value": f"s3://{_BUCKET}/{key}"}]
    (run,) = boto3.client("sagemaker").list_pipeline_executions(PipelineName="topicsmith-dev")[
        "PipelineExecutionSummaries"
    ]
    assert answer == {"execution": run["PipelineExecutionArn"]}


def test_a_duplicate_event_has_the_same_client_token(s3: S3Client, requests: list[dict[str, Any]]) -> None:
    s3.put_object(Bucket=_BUCKET, Key="raw/reviews.csv", Body=b"text\na\n")
    for version, invocation in (("v1", "a"), ("v1", "b"), ("v2", "c")):
        handler(created("raw/reviews.csv", version), _Invocation(invocation))
    first, again, other = (request["client_request_token"] for request in requests)
    assert first == again != other
    assert 32 <= len(first) <= 128


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("raw/readme.txt", "does not end in .csv"),
        ("raw/reviews.csv.zip", "does not end in .csv"),
        ("raw/", "does not end in .csv"),
        ("raw/_temporary/part-0.csv", "begin with _ or ."),
        ("raw/.reviews.csv", "begin with _ or ."),
    ],
)
def test_a_file_that_is_not_a_corpus_starts_no_run(requests: list[dict[str, Any]], key: str, reason: str) -> None:
    assert reason in handler(created(key), _Invocation())["skipped"]
    assert requests == []


def test_an_upload_by_the_command_line_starts_no_second_run(
    s3: S3Client, requests: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("text\na\n")
    corpus.upload(s3, file, _BUCKET, on_bytes=lambda _: None)
    assert OWN_RUN in s3.head_object(Bucket=_BUCKET, Key="raw/reviews.csv")["Metadata"]
    assert "its uploader starts the run" in handler(created("raw/reviews.csv"), _Invocation())["skipped"]
    assert requests == []


def test_an_unreadable_object_is_retried_by_lambda(requests: list[dict[str, Any]]) -> None:
    with pytest.raises(ClientError, match="Not Found"):
        handler(created("raw/reviews.csv"), _Invocation())


def test_the_schedule_starts_a_run_on_its_corpus_once_an_invocation(requests: list[dict[str, Any]]) -> None:
    for invocation in ("a", "a", "b"):
        handler({"corpus": f"s3://{_BUCKET}/raw/reviews/"}, _Invocation(invocation))
    assert requests[0]["pipeline_parameters"] == [{"Name": "CorpusUri", "Value": f"s3://{_BUCKET}/raw/reviews/"}]
    first, again, later = (request["client_request_token"] for request in requests)
    assert first == again != later
