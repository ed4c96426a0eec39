"""Reader of a corpus in S3."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Final

from common.errors import CorpusError
from common.s3_uri import S3Uri

from read.csv_rows import read_csv
from read.json_rows import read_json_lines
from read.lines import ByteStream, read_lines
from read.rows import RowReport

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_Reader = Callable[[Iterator[str], RowReport, tuple[str, ...], str], Iterator[tuple[str, str]]]

_READERS: Final[dict[str, _Reader]] = {".csv": read_csv, ".jsonl": read_json_lines, ".ndjson": read_json_lines}
_ALLOWED = ", ".join(chain(_READERS, (f"{extension}.gz" for extension in _READERS)))


@dataclass(frozen=True)
class CorpusObject:
    """Object that was read, with its version and number of rows."""

    key: str
    size: int
    etag: str
    version_id: str | None
    rows: int


@dataclass
class Corpus:
    """Documents of one object, or of all objects under a prefix in the order of their keys.

    Attributes:
        objects: Objects read so far.
        report: Row counts so far.
    """

    s3: S3Client
    uri: S3Uri
    text_columns: tuple[str, ...]
    id_column: str
    objects: list[CorpusObject] = field(default_factory=list)
    report: RowReport = field(default_factory=RowReport)

    def documents(self) -> Iterator[tuple[str, str]]:
        """Yield the (id, text) of each usable row; objects are streamed once.

        Raises:
            CorpusError: There are no objects to read, or the content of an object does not match its extension.
        """
        # Check all formats before reading the first object, which may take minutes.
        readers = [(key, _reader(S3Uri(self.uri.bucket, key))) for key in self._keys()]
        for key, read in readers:
            yield from self._documents_of(key, read)

    def _keys(self) -> list[str]:
        folder = f"{self.uri.key.rstrip('/')}/" if self.uri.key else ""
        # A name without an extension is a folder. A role restricted to its content may not list the bare name.
        prefix = self.uri.key if "." in self.uri.key.rsplit("/", 1)[-1] else folder
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.uri.bucket, Prefix=prefix)
        try:
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        except self.s3.exceptions.NoSuchBucket:
            raise CorpusError(f"There is no bucket {self.uri.bucket}. Change corpus_uri.") from None
        if self.uri.key in keys and not self.uri.key.endswith("/"):
            return [self.uri.key]
        inside = [key for key in keys if key.startswith(folder) and _is_data(key.removeprefix(folder))]
        if not inside:
            raise CorpusError(
                f"There is no object {self.uri} and none under s3://{self.uri.bucket}/{folder} with one of the "
                f"extensions {_ALLOWED}. Upload the corpus, or change corpus_uri (the pipeline's parameter CorpusUri)."
            )
        return sorted(inside, key=str.encode)

    def _documents_of(self, key: str, read: _Reader) -> Iterator[tuple[str, str]]:
        uri = S3Uri(self.uri.bucket, key)
        answer = self.s3.get_object(Bucket=uri.bucket, Key=key)
        body: ByteStream = answer["Body"]
        if key.lower().endswith(".gz"):
            body = gzip.GzipFile(fileobj=body, mode="rb")  # type: ignore[call-overload]
        self.report.begin_object(key)
        try:
            yield from read(read_lines(body), self.report, self.text_columns, self.id_column)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise CorpusError(
                f"{uri} is corrupt or truncated gzip after {self.report.row} rows ({error}). Upload it again."
            ) from error
        self.objects.append(
            CorpusObject(
                key, answer["ContentLength"], answer["ETag"].strip('"'), answer.get("VersionId"), self.report.row
            )
        )


def _is_data(path: str) -> bool:
    """Return whether an object is data, not a folder marker or Hadoop's _SUCCESS, _temporary/... or .part.crc."""
    return not path.endswith("/") and path != "" and not any(name.startswith(("_", ".")) for name in path.split("/"))


def _reader(uri: S3Uri) -> _Reader:
    name = uri.key.lower().removesuffix(".gz")
    for extension, reader in _READERS.items():
        if name.endswith(extension):
            return reader
    raise CorpusError(f"{uri} has no known extension (allowed: {_ALLOWED}). Rename or remove it.")
