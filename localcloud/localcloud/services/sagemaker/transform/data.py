"""Data of a transform job: splits objects into records, batches them for requests, and joins the responses.

See https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html and the members of
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html.
"""

import csv
import io
import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from localcloud.runtime.s3_data import DataError
from localcloud.services.sagemaker.transform.filters import Filter, FilterError

_RECORDIO_MAGIC = 0xCED7230A
# Flags in a RecordIO header's length: a whole record, or the last part of one.
_RECORDIO_LAST_PARTS = (0, 3)
_RECORDIO_LENGTH_BITS = 29

_SEPARATORS = {"Line": b"\n", "None": b"", "RecordIO": b""}
_TEXT_KINDS = {"text/csv": "csv", "application/json": "json", "application/jsonlines": "json"}


class TransformDataError(DataError):
    """Data or a data processing request is invalid."""


@dataclass(frozen=True)
class Record:
    """One record of an object.

    Attributes:
        source: The record as in the object.
        sent: The part that the container gets.
    """

    source: bytes
    sent: bytes


def split(stream: IO[bytes], split_type: str) -> Iterator[bytes]:
    """Yield the records of an object; lines without their ends, skipping blank ones.

    Args:
        stream: The object.
        split_type: ``None``, ``Line`` or ``RecordIO``.

    Raises:
        TransformDataError: The object does not have this format, or the type is not supported.
    """
    match split_type:
        case "None":
            yield stream.read()
        case "Line":
            yield from (line for line in (line.rstrip(b"\r\n") for line in stream) if line.strip())
        case "RecordIO":
            yield from _recordio(stream)
        case _:
            raise TransformDataError(f"SplitType {split_type} is not supported; allowed: Line, None, RecordIO.")


def _recordio(stream: IO[bytes]) -> Iterator[bytes]:
    record = b""
    while header := stream.read(8):
        if len(header) < 8 or header[:4] != struct.pack("<I", _RECORDIO_MAGIC):
            raise TransformDataError("The object is not RecordIO.")
        word = int.from_bytes(header[4:], "little")
        length = word & ((1 << _RECORDIO_LENGTH_BITS) - 1)
        body = stream.read(length + -length % 4)
        if len(body) < length:
            raise TransformDataError("The object ends within a record.")
        record += header + body
        if word >> _RECORDIO_LENGTH_BITS in _RECORDIO_LAST_PARTS:
            yield record
            record = b""
    if record:
        raise TransformDataError("The object ends within a record.")


def batches(
    records: Iterable[Record], *, separator: bytes, largest_bytes: int | None, single: bool
) -> Iterator[list[Record]]:
    """Batch records into requests, in order.

    Args:
        records: The records.
        separator: Separator between two records.
        largest_bytes: Maximum size of a request; None for no limit.
        single: One record per request (``BatchStrategy`` ``SingleRecord``).

    Raises:
        TransformDataError: A record is larger than a request may be.
    """
    batch: list[Record] = []
    size = 0
    for record in records:
        length = len(record.sent)
        if largest_bytes is not None and length > largest_bytes:
            raise TransformDataError(
                f"A record has {length} bytes; MaxPayloadInMB allows a request of {largest_bytes} bytes."
            )
        grown = size + len(separator) + length
        if batch and (single or (largest_bytes is not None and grown > largest_bytes)):
            yield batch
            batch, grown = [], length
        size = grown if batch else length
        batch.append(record)
    if batch:
        yield batch


class DataProcessing:
    """Processing of records before and after the container.

    Args:
        transform_input: ``TransformInput`` of the request.
        transform_output: ``TransformOutput`` of the request.
        processing: ``DataProcessing`` of the request.

    Raises:
        TransformDataError: The three contradict each other.
    """

    def __init__(
        self,
        transform_input: Mapping[str, Any],
        transform_output: Mapping[str, Any],
        processing: Mapping[str, Any] | None,
    ):
        processing = processing or {}
        try:
            self._input_filter = Filter(processing.get("InputFilter"))
            self._output_filter = Filter(processing.get("OutputFilter"))
        except FilterError as error:
            raise TransformDataError(str(error)) from error
        self.split_type = str(transform_input.get("SplitType") or "None")
        if self.split_type not in _SEPARATORS:
            raise TransformDataError(f"SplitType {self.split_type} is not supported; allowed: Line, None, RecordIO.")
        self.separator = _SEPARATORS[self.split_type]
        self._lines = transform_output.get("AssembleWith") == "Line"
        self._joins = processing.get("JoinSource", "None") == "Input"
        content_type = str(transform_input.get("ContentType") or "")
        self._input_kind = _kind(content_type)
        self._output_kind = _kind(str(transform_output.get("Accept") or content_type))
        self._per_record = self._joins or not self._output_filter.takes_all
        if self._joins and (self._input_kind is None or self._input_kind != self._output_kind):
            raise TransformDataError(
                f"JoinSource Input needs a ContentType and an Accept that are both CSV, or both JSON or JSON Lines; "
                f"they are {content_type!r} and {transform_output.get('Accept')!r}."
            )
        for name, chosen, kind in (
            ("InputFilter", self._input_filter, self._input_kind),
            ("OutputFilter", self._output_filter, self._output_kind),
        ):
            if not chosen.takes_all and kind is None:
                raise TransformDataError(f"{name} needs records that are {', '.join(_TEXT_KINDS)}.")

    def record(self, source: bytes) -> Record:
        """Return a record with the part that the container gets.

        Raises:
            TransformDataError: The input filter does not match it.
        """
        if self._input_filter.takes_all or self._input_kind is None:
            return Record(source, source)
        return Record(source, _selected(self._input_kind, _read(self._input_kind, source), self._input_filter))

    def outputs(self, batch: Sequence[Record], answer: bytes) -> bytes:
        """Return the output for a batch and the container's response.

        Raises:
            TransformDataError: The response cannot be split like the batch, or the output filter does not match it.
        """
        if not self._per_record or self._output_kind is None:
            return self._assembled([answer])
        answers = [answer] if len(batch) == 1 else [line for line in answer.split(b"\n") if line.strip()]
        if len(answers) != len(batch):
            raise TransformDataError(f"The container answered {len(batch)} records with {len(answers)} lines.")
        return self._assembled([self._output(record, line) for record, line in zip(batch, answers, strict=True)])

    def _output(self, record: Record, answer: bytes) -> bytes:
        assert self._output_kind is not None
        value = _read(self._output_kind, answer)
        if self._joins:
            value = _JOINS[self._output_kind](_read(self._output_kind, record.source), value)
        return _selected(self._output_kind, value, self._output_filter)

    def _assembled(self, outputs: Iterable[bytes]) -> bytes:
        if not self._lines:
            return b"".join(outputs)
        return b"".join(output.removesuffix(b"\n") + b"\n" for output in outputs)


def _kind(content_type: str) -> str | None:
    return _TEXT_KINDS.get(content_type.partition(";")[0].strip().lower())


def _read(kind: str, record: bytes) -> Any:
    try:
        if kind == "csv":
            return next(csv.reader([record.decode()]), [])
        return json.loads(record)
    except (ValueError, csv.Error) as error:
        raise TransformDataError(f"A record is not {kind.upper()}: {error}") from error


def _selected(kind: str, value: Any, chosen: Filter) -> bytes:
    try:
        selected = chosen(value)
    except FilterError as error:
        raise TransformDataError(str(error)) from error
    if kind == "json":
        return json.dumps(selected, separators=(",", ":")).encode()
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(selected if isinstance(selected, list) else [selected])
    return row.getvalue().encode()


def _join_objects(source: Any, output: Any) -> Any:
    if isinstance(source, dict):
        return {**source, "SageMakerOutput": output}
    return {"SageMakerInput": source, "SageMakerOutput": output}


def _join_rows(source: list[str], output: list[str]) -> list[str]:
    return [*source, *output]


_JOINS: dict[str, Callable[[Any, Any], Any]] = {"csv": _join_rows, "json": _join_objects}
