"""Records of promotions: one object per promotion in the bucket of the target environment."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from topicsmith.core.errors import OperatorError
from topicsmith.runs.evaluation import Baseline, Gate, Metrics

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "promotions"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True)


class Place(_Part):
    """Model version and its registry.

    Attributes:
        version: Version of the model; None if the target pins the model, which then has no version there.
    """

    environment: str
    account: str
    version: int | None
    arn: str


class Before(_Part):
    """Previously served model."""

    arn: str
    version: int


class Record(_Part):
    """Record of a promotion.

    Attributes:
        time: Time in UTC.
        by: ARN of the caller.
        method: Promotion method.
        source: Model in the source environment.
        target: Model in the target environment.
        run: ID of the run that trained it.
        corpus: S3 URI of the training corpus.
        code_version: Version of the code that trained it.
        metrics: Quality of the model.
        baseline: Quality of the LDA baseline.
        gate: Verdict of the source's gate.
        before: Model that the target served before, if any.
        artifacts: SHA-256 of each object, by S3 URI.
    """

    time: Annotated[datetime, PlainSerializer(lambda time: _text(time, "%Y-%m-%dT%H:%M:%S"))]
    by: str
    method: Literal["pin", "register"]
    source: Place = Field(validation_alias="from", serialization_alias="from")
    target: Place = Field(validation_alias="to", serialization_alias="to")
    run: str | None
    corpus: str | None
    code_version: str | None
    metrics: Metrics
    baseline: Baseline
    gate: Gate
    before: Before | None
    artifacts: dict[str, str]

    @property
    def key(self) -> str:
        """Key in the target's bucket; keys sort by time."""
        moment = _text(self.time, "%Y%m%dT%H%M%S")
        return f"{PREFIX}/{moment}-{self.source.environment}-{self.source.version}.json"

    def document(self) -> dict[str, object]:
        """Return the record as JSON, as in the bucket and ``--json``."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def write(s3: "S3Client", bucket: str, record: Record) -> None:
    """Write a record to the target's bucket."""
    content = record.model_dump_json(by_alias=True, exclude_unset=True, indent=1) + "\n"
    s3.put_object(Bucket=bucket, Key=record.key, Body=content.encode(), ContentType="application/json")


def latest(s3: "S3Client", bucket: str, limit: int) -> list[Record]:
    """Return the latest ``limit`` records of an environment, newest first.

    Raises:
        OperatorError: A record is invalid.
    """
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{PREFIX}/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return [_read(s3, bucket, key) for key in sorted(keys, reverse=True)[:limit]]


def _text(time: datetime, form: str) -> str:
    """Return a time in UTC with milliseconds, which distinguish two promotions in the same second."""
    return f"{time.astimezone(UTC).strftime(form)}.{time.microsecond // 1000:03d}Z"


def _read(s3: "S3Client", bucket: str, key: str) -> Record:
    content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        return Record.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise OperatorError(
            f"s3://{bucket}/{key} is not a valid promotion record: {place}: {first['msg']}.",
            "It was changed manually. Restore an earlier version of the object.",
        ) from error
