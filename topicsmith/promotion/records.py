"""Who promoted what: an object for each promotion in the bucket of the environment that it went to."""

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
    """A version of a model, and where it is registered.

    Attributes:
        version: None of a model that the target environment pins: it has no version there.
    """

    environment: str
    account: str
    version: int | None
    arn: str


class Before(_Part):
    """What was served before."""

    arn: str
    version: int


class Record(_Part):
    """One promotion.

    Attributes:
        time: in UTC.
        by: the ARN of the caller who promoted.
        source: where the model comes from.
        target: where it went.
        run: the id of the run that trained it.
        corpus: S3 URI of what it was trained on.
        code_version: of what trained it.
        metrics: how good it is.
        baseline: the same of the LDA that it was held against.
        gate: the verdict of the source's gate.
        before: what the target served; None where that was nothing.
        artifacts: the SHA-256 of each object, by S3 URI.
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
        """Where it lies in the target's bucket: the keys are in the order of time."""
        moment = _text(self.time, "%Y%m%dT%H%M%S")
        return f"{PREFIX}/{moment}-{self.source.environment}-{self.source.version}.json"

    def document(self) -> dict[str, object]:
        """Return the record as the bucket and ``--json`` have it."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def write(s3: "S3Client", bucket: str, record: Record) -> None:
    """Put a record into the target's bucket."""
    content = record.model_dump_json(by_alias=True, exclude_unset=True, indent=1) + "\n"
    s3.put_object(Bucket=bucket, Key=record.key, Body=content.encode(), ContentType="application/json")


def latest(s3: "S3Client", bucket: str, limit: int) -> list[Record]:
    """Return the latest ``limit`` records of an environment, newest first.

    Raises:
        OperatorError: one of them is not a record.
    """
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{PREFIX}/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return [_read(s3, bucket, key) for key in sorted(keys, reverse=True)[:limit]]


def _text(time: datetime, form: str) -> str:
    """Return a time in UTC to the millisecond: two promotions may be of the same second."""
    return f"{time.astimezone(UTC).strftime(form)}.{time.microsecond // 1000:03d}Z"


def _read(s3: "S3Client", bucket: str, key: str) -> Record:
    content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        return Record.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise OperatorError(
            f"s3://{bucket}/{key} is not the record of a promotion: {place}: {first['msg']}.",
            "Somebody has changed it: an earlier version of the object is in the bucket.",
        ) from error
