"""Starts a run of the pipeline: on a corpus that was uploaded, or on one that the schedule names."""

from __future__ import annotations

import hashlib
import logging
import os
from typing import TYPE_CHECKING, Final, Protocol, TypedDict, final

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)

# Those that preprocessing reads.
_EXTENSIONS: Final = (".csv", ".jsonl", ".ndjson")

OWN_RUN: Final = "topicsmith-run"
"""Metadata of an object whose uploader starts the run, with options that an event could not know."""


class Bucket(TypedDict):
    """What is used of the event's bucket."""

    name: str


# Not a class statement: the name of one key is no identifier.
StoredObject = TypedDict("StoredObject", {"key": str, "version-id": str})


class ObjectDetail(TypedDict):
    """What is used of the detail of S3's «Object Created»."""

    bucket: Bucket
    object: StoredObject


@final
class ObjectCreated(TypedDict):
    """EventBridge's «Object Created» of S3."""

    detail: ObjectDetail


@final
class Schedule(TypedDict):
    """What the schedule's rule gives: the S3 URI of a corpus."""

    corpus: str


class Context(Protocol):
    """What is used of Lambda's context."""

    @property
    def aws_request_id(self) -> str:
        """The invocation's id; a repeated attempt has that of the first."""


def handler(event: ObjectCreated | Schedule, context: Context) -> dict[str, str]:
    """Start a run, once however often the event is delivered.

    Returns:
        ``execution``, the run's ARN; or ``skipped``, why the object starts none.

    Raises:
        botocore.exceptions.ClientError: the run was not started; Lambda then tries again.
    """
    import boto3

    if "corpus" in event:
        return _start(event["corpus"], token=_token(event["corpus"], context.aws_request_id))
    bucket, stored = event["detail"]["bucket"]["name"], event["detail"]["object"]
    uri = f"s3://{bucket}/{stored['key']}"
    reason = _why_not(boto3.client("s3"), bucket, stored["key"])
    if reason is not None:
        _logger.info("%s starts no run: %s", uri, reason)
        return {"skipped": reason}
    return _start(uri, token=_token(bucket, stored["key"], stored["version-id"]))


def _why_not(s3: S3Client, bucket: str, key: str) -> str | None:
    """Return why an object starts no run, or None where it does."""
    if not key.lower().removesuffix(".gz").endswith(_EXTENSIONS):
        return f"its name does not end in {', '.join(_EXTENSIONS)}, perhaps with .gz"
    if any(part.startswith(("_", ".")) for part in key.split("/")):
        return "a name that begins with _ or . is no data"
    if OWN_RUN in s3.head_object(Bucket=bucket, Key=key)["Metadata"]:
        return "who uploaded it starts its run"
    return None


def _start(corpus_uri: str, token: str) -> dict[str, str]:
    import boto3

    pipeline = os.environ["PIPELINE_NAME"]
    execution = boto3.client("sagemaker").start_pipeline_execution(
        PipelineName=pipeline,
        PipelineParameters=[{"Name": "CorpusUri", "Value": corpus_uri}],
        ClientRequestToken=token,
    )["PipelineExecutionArn"]
    _logger.info("%s runs on %s: %s", pipeline, corpus_uri, execution)
    return {"execution": execution}


def _token(*what: str) -> str:
    """Return SageMaker's token of a request: two requests with the same one start one run."""
    return hashlib.sha256("\0".join(what).encode()).hexdigest()
