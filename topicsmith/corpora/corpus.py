"""Local corpus files: checks before the upload, and the upload to the data bucket."""

import csv
import gzip
import itertools
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from topicsmith.core.errors import OperatorError
from topicsmith.core.output import shorten

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FORMATS = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_RECORDS_TO_LEARN_COLUMNS = 100
_LONGEST_FIELD = 2**31 - 1
_LONGEST_NAME_SHOWN = 60
# In environments that start a run at each upload, this metadata prevents a second run.
_OWN_RUN = {"topicsmith-run": "started by the uploader"}


def column_names(names: str) -> list[str]:
    """Return the names in a list such as ``title,body``, parsed as in preprocessing."""
    return [name.strip() for name in names.split(",")]


def check(path: Path, text_columns: Sequence[str], id_column: str | None) -> None:
    """Check that preprocessing will find documents in ``path``.

    Args:
        path: File in one of ``FORMATS``.
        text_columns: Columns with the text of a document.
        id_column: Column with the ID of a document, or None.

    Raises:
        OperatorError: The file cannot be read, contains no text, or lacks a column; the message lists its columns.
    """
    there = columns(path)
    wanted = [*text_columns, *([id_column] if id_column else [])]
    if missing := [name for name in wanted if name not in there]:
        raise OperatorError(
            f"{path} has no column {_listed(missing)}. Its columns: {_listed(there) or 'none'}.",
            "Set the text columns with --text title,body (TEXT=title,body for make) and the id column with --id.",
        )
    if next(documents(path, text_columns), None) is None:
        raise OperatorError(f"{path} has no row with text in {_listed(text_columns)}.")


def columns(path: Path) -> tuple[str, ...]:
    """Return the columns of a corpus: a CSV's header, or the keys of the first JSON Lines records."""
    with _opened(path) as (records, kind):
        if kind == ".csv":
            csv.field_size_limit(_LONGEST_FIELD)
            return tuple(name.strip() for name in next(csv.reader(records), ()))
        first = itertools.islice(_json_records(records), _RECORDS_TO_LEARN_COLUMNS)
        return tuple(dict.fromkeys(itertools.chain.from_iterable(first)))


def documents(path: Path, text_columns: Sequence[str]) -> Iterator[str]:
    """Yield the text of each document: its text columns, joined by spaces."""
    return (text for _, text in identified(path, text_columns, None))


def identified(path: Path, text_columns: Sequence[str], id_column: str | None) -> Iterator[tuple[str, str]]:
    """Yield the id and the text of each document; without an id column, the id is the row number, from 1."""
    with _opened(path) as (lines, kind):
        records = _csv_records(lines) if kind == ".csv" else _json_records(lines)
        for number, record in enumerate(records, 1):
            parts = (record.get(column) for column in text_columns)
            if text := " ".join(part for part in parts if isinstance(part, str)).strip():
                name = record.get(id_column) if id_column else None
                yield str(number if name in (None, "") else name), text


def uri_of(bucket: str, path: Path) -> str:
    """Return the S3 URI to which ``upload`` writes ``path``."""
    return f"s3://{bucket}/raw/{path.name}"


def upload(s3: "S3Client", path: Path, bucket: str, on_bytes: Callable[[int], None]) -> str:
    """Upload ``path`` to ``raw/`` in the data bucket and return its URI.

    Args:
        s3: Client for the data bucket.
        path: Local file.
        bucket: Name of the data bucket.
        on_bytes: Callback that receives the size of each uploaded part.
    """
    with path.open("rb") as file:
        s3.upload_fileobj(file, bucket, f"raw/{path.name}", ExtraArgs={"Metadata": _OWN_RUN}, Callback=on_bytes)
    return uri_of(bucket, path)


def check_uri(s3: "S3Client", uri: str, bucket: str) -> None:
    """Check that ``uri`` is an object that preprocessing may read, or a prefix of such objects.

    Raises:
        OperatorError: The URI is outside ``raw/`` in the data bucket, or no object exists there.
    """
    allowed = f"s3://{bucket}/raw/"
    if not uri.startswith(allowed):
        raise OperatorError(
            f"Preprocessing may not read {uri}: a corpus must be under {allowed}.",
            f"Copy it there (aws s3 cp {uri} {allowed}), or specify a local file, which is then uploaded.",
        )
    if not s3.list_objects_v2(Bucket=bucket, Prefix=uri.removeprefix(f"s3://{bucket}/"), MaxKeys=1).get("KeyCount"):
        raise OperatorError(f"There is nothing at {uri}.")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(shorten(name, _LONGEST_NAME_SHOWN) for name in names)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[str], str]]:
    """Open ``path`` as text and yield the stream and its format; read errors become OperatorErrors."""
    if not path.is_file():
        raise OperatorError(f"There is no file {path}.", f"The current directory is {Path.cwd()}.")
    ending = next((e for e in FORMATS if path.name.lower().endswith(e)), None)
    if ending is None:
        raise OperatorError(f"{path} is not a corpus: its name must end in {', '.join(FORMATS)}.")
    try:
        opener = gzip.open if ending.endswith(".gz") else open
        with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as text:
            if not text.read(1):
                raise OperatorError(f"{path} is empty.")
            text.seek(0)
            yield text, ending.removesuffix(".gz")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OperatorError(f"{path} is not a complete gzip file: {error}.") from error
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror or error}.") from error


def _csv_records(lines: IO[str]) -> Iterator[dict[str, object]]:
    csv.field_size_limit(_LONGEST_FIELD)
    for row in csv.DictReader(lines):
        yield {name.strip(): value for name, value in row.items() if name}


def _json_records(lines: IO[str]) -> Iterator[dict[str, object]]:
    """Yield the lines that are JSON objects; preprocessing counts the others as malformed."""
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record
