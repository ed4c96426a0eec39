"""Run the preprocessing function with a folder in place of S3; print seconds, peak MB and vocabulary size as JSON.

Usage: ``preprocess_function.py FOLDER``. The corpus is in ``FOLDER/data/raw/``.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from preprocessing import preprocess
from settings import Settings


class FolderS3:
    """Minimal stand-in for boto3's S3 client: a folder per bucket, a file per object."""

    class exceptions:  # noqa: N801
        """Exceptions that the function catches."""

        class NoSuchBucket(Exception):
            """The bucket does not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_paginator(self, _operation: str) -> "FolderS3":
        """Return a paginator, which is this client."""
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        """Yield one page of all objects."""
        bucket = self._folder / Bucket
        keys = (path.relative_to(bucket).as_posix() for path in bucket.rglob("*") if path.is_file())
        yield {"Contents": [{"Key": key} for key in keys if key.startswith(Prefix)]}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        """Open a file."""
        path = self._folder / Bucket / Key
        return {"Body": path.open("rb"), "ContentLength": path.stat().st_size, "ETag": '""'}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **_: str) -> None:  # noqa: N803
        """Write a file."""
        path = self._folder / Bucket / Key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Body)


if __name__ == "__main__":
    event = {"corpus_uri": "s3://data/raw/", "output_uri": "s3://data/processed", "text_columns": "text"}
    started = time.perf_counter()
    written = preprocess(Settings.from_event({**event, "id_column": "id"}), FolderS3(Path(sys.argv[1])))
    seconds = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb, "vocabulary": int(written["feature_dim"])}))
