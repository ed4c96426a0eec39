"""Lambda function that starts a pipeline run for an uploaded corpus or on a schedule."""

from __future__ import annotations

import hashlib
import logging
import os
from typing import TYPE_CHECKING, Final, Protocol, TypedDict, final

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)

# The formats that preprocessing reads.
_EXTENSIONS: Final = (".csv", ".jsonl", ".ndjson")

OWN_RUN: Final = "topicsmith-run"
"""Metadata key of an object whose uploader starts the run itself, with options that an event cannot carry."""


class Bucket(TypedDict):
    """Bucket in the event, with the keys in use."""

    name: str


# The functional syntax, since one key is not a valid identifier.
StoredObject = TypedDict("StoredObject", {"key": str, "version-id": str})


class ObjectDetail(TypedDict):
    """Detail of the event, with the keys in use."""

    bucket: Bucket
    object: StoredObject


@final
class ObjectCreated(TypedDict):
    """EventBridge event "Object Created" of Amazon S3."""

    detail: ObjectDetail


@final
class Schedule(TypedDict):
    """Input of the schedule's rule: the S3 URI of a corpus."""

    corpus: str


class Context(Protocol):
    """Lambda context, with the attributes in use."""

    @property
    def aws_request_id(self) -> str:
        """ID of the invocation, the same for all its retries."""


def handler(event: ObjectCreated | Schedule, context: Context) -> dict[str, str]:
    """Start a run; duplicate events start it only once.

    Returns:
        ``execution``, the ARN of the run; or ``skipped``, the reason why no run was started.

    Raises:
        botocore.exceptions.ClientError: The run was not started; Lambda retries.
    """
    import boto3

    if "corpus" in event:
        return _start(event["corpus"], token=_token(event["corpus"], context.aws_request_id))
    bucket, stored = event["detail"]["bucket"]["name"], event["detail"]["object"]
    uri = f"s3://{bucket}/{stored['key']}"
    reason = _why_not(boto3.client("s3"), bucket, stored["key"])
    if reason is not None:
        _logger.info("no run for %s: %s", uri, reason)
        return {"skipped": reason}
    return _start(uri, token=_token(bucket, stored["key"], stored["version-id"]))


def _why_not(s3: S3Client, bucket: str, key: str) -> str | None:
    """Return the reason why an object does not start a run, or None if it does."""
    if not key.lower().removesuffix(".gz").endswith(_EXTENSIONS):
        return f"its name does not end in {', '.join(_EXTENSIONS)}, optionally followed by .gz"
    if any(part.startswith(("_", ".")) for part in key.split("/")):
        return "names that begin with _ or . are not corpora"
    if OWN_RUN in s3.head_object(Bucket=bucket, Key=key)["Metadata"]:
        return "its uploader starts the run"
    return None


def _start(corpus_uri: str, token: str) -> dict[str, str]:
    import boto3

    pipeline = os.environ["PIPELINE_NAME"]
    execution = boto3.client("sagemaker").start_pipeline_execution(
        PipelineName=pipeline,
        PipelineParameters=[{"Name": "CorpusUri", "Value": corpus_uri}],
        ClientRequestToken=token,
    )["PipelineExecutionArn"]
    _logger.info("started %s on %s: %s", pipeline, corpus_uri, execution)
    return {"execution": execution}


def _token(*what: str) -> str:
    """Return a client request token, which makes repeated requests start only one run."""
    return hashlib.sha256("\0".join(what).encode()).hexdigest()
