"""Output of preprocessing in S3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.s3_uri import S3Uri
    from mypy_boto3_s3 import S3Client

RECORDIO = "application/x-recordio-protobuf"
JSON_LINES = "application/jsonlines"
TEXT = "text/plain; charset=utf-8"


class Output:
    """Writer of objects below an S3 prefix, encrypted by the bucket's default."""

    def __init__(self, s3: S3Client, uri: S3Uri) -> None:
        self._s3 = s3
        self._uri = uri

    def write_bytes(self, name: str, content: bytes, content_type: str) -> None:
        """Write an object below the prefix."""
        target = self._uri / name
        self._s3.put_object(Bucket=target.bucket, Key=target.key, Body=content, ContentType=content_type)

    def write_text(self, name: str, content: str) -> None:
        """Write text as UTF-8."""
        self.write_bytes(name, content.encode(), TEXT)

    def write_json(self, name: str, content: dict[str, object]) -> None:
        """Write an indented JSON object."""
        self.write_bytes(name, f"{json.dumps(content, indent=2)}\n".encode(), "application/json")
