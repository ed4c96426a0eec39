"""The topic mixtures of the documents of a corpus, written by a batch transform job."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from topicsmith.core.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class _Mixture(BaseModel):
    topic_weights: list[FiniteFloat]


class Vector(BaseModel):
    """A document's topic mixture.

    Attributes:
        id: Id of the document.
        output: The model's output: one weight per topic; they sum to 1.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    output: _Mixture = Field(alias="SageMakerOutput")


def read(s3: "S3Client", uri: str) -> Iterator[Vector]:
    """Yield the vectors under an S3 URI, in the order of the object names; objects are streamed.

    Raises:
        OperatorError: There are no vectors, or a line is invalid.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix.rstrip('/')}/")
    keys = sorted(item["Key"] for page in pages for item in page.get("Contents", []))
    if not keys:
        raise OperatorError(f"There are no vectors under {uri}: they were deleted, by a lifecycle rule or by hand.")
    for key in keys:
        # Used as a context manager, the body yields the raw stream, which has no iter_lines.
        with closing(s3.get_object(Bucket=bucket, Key=key)["Body"]) as body:
            for number, line in enumerate(body.iter_lines(), 1):
                yield _vector(line, f"s3://{bucket}/{key}, line {number}")


def save(s3: "S3Client", uri: str, path: Path) -> int:
    """Write the vectors under an S3 URI to ``path`` as JSON Lines, and return their number.

    The file is written completely or not at all. A line is ``{"id": ..., "topic_weights": [...]}``.

    Raises:
        OperatorError: There are no vectors, a line is invalid, or ``path`` cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            count = 0
            for vector in read(s3, uri):
                row = {"id": vector.id, "topic_weights": vector.output.topic_weights}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                count += 1
        partial.replace(path)
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return count


def _vector(line: bytes, place: str) -> Vector:
    try:
        return Vector.model_validate_json(line)
    except ValidationError as error:
        raise OperatorError(f"{place} is not a document vector: {line[:200]!r}.") from error
