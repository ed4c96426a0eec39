"""Reader of RecordIO-protobuf, the format in which SageMaker's built-in algorithms take their data.

A file is a sequence of records, each framed as MXNet's RecordIO: the magic number, the length, the payload, padding
to four bytes. The payload is a protobuf message ``aialgs.data.Record`` whose feature ``values`` is a tensor, dense
(values alone) or sparse (values, keys and shape). Only where each tensor's bytes lie is found record by record;
numbers are decoded by numpy, a whole file at once.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html (the message),
https://mxnet.apache.org/versions/1.9.1/api/architecture/note_data_loading (the frame),
https://protobuf.dev/programming-guides/encoding (the wire format).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ntm.bag_of_words import BagOfWords, bag_of_words
from ntm.errors import InputError

_MAGIC = 0xCED7230A
_FRAME = struct.Struct("<II")
_LENGTH_BITS = 29  # the three above them number the parts of a record that was split

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protobuf's wire types
_FEATURES, _MAP_KEY, _MAP_VALUE = 1, 1, 2
_VALUES, _KEYS, _SHAPE = 1, 2, 3
_FLOAT32, _FLOAT64, _INT32 = 2, 3, 7  # the fields of aialgs.data.Value; bytes (9) are no word counts
_ITEM_TYPES: dict[int, np.dtype[np.floating]] = {_FLOAT32: np.dtype("<f4"), _FLOAT64: np.dtype("<f8")}


@dataclass
class _Spans:
    """Pieces of the file's bytes, and the record that each belongs to."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    records: list[int] = field(default_factory=list)

    def add(self, start: int, end: int, record: int) -> None:
        self.starts.append(start)
        self.ends.append(end)
        self.records.append(record)

    def gather(self, data: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the pieces' bytes, one after the other."""
        starts, ends = np.array(self.starts, np.int64), np.array(self.ends, np.int64)
        sizes = ends - starts
        before = np.cumsum(sizes) - sizes
        pieces: NDArray[np.uint8] = data[np.arange(sizes.sum()) + np.repeat(starts - before, sizes)]
        return pieces

    def owners(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the record of each item, given the number of items in each piece."""
        return np.repeat(np.array(self.records, np.int64), items)

    def fixed(
        self, data: NDArray[np.uint8], dtype: np.dtype[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Decode numbers of a fixed width: the numbers and the record of each."""
        sizes = np.array(self.ends, np.int64) - np.array(self.starts, np.int64)
        if (sizes % dtype.itemsize).any():
            raise ValueError
        return self.gather(data).view(dtype).astype(np.float64), self.owners(sizes // dtype.itemsize)

    def varints(self, data: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Decode variable-length integers, as two's complement of 64 bits: the integers and the record of each."""
        piece = self.gather(data)
        last = piece < 0x80
        boundaries = np.cumsum(np.array(self.ends, np.int64) - np.array(self.starts, np.int64))
        if not last[boundaries[boundaries > 0] - 1].all():
            raise ValueError
        ends = np.flatnonzero(last) + 1
        starts = np.concatenate([[0], ends])[: len(ends)]
        sizes = ends - starts
        if len(sizes) and sizes.max() > 10:
            raise ValueError
        shifts = (7 * (np.arange(len(piece)) - np.repeat(starts, sizes))).astype(np.uint64)
        bits = (piece & 0x7F).astype(np.uint64) << shifts
        numbers = np.bitwise_or.reduceat(bits, starts) if len(starts) else np.zeros(0, np.uint64)
        items = np.diff(np.concatenate([[0], np.cumsum(last)])[np.concatenate([[0], boundaries])])
        return numbers.view(np.int64), self.owners(items)


@dataclass
class _Tensors:
    """Where the numbers of every record's tensor lie in the file."""

    values: dict[int, _Spans] = field(
        default_factory=lambda: {_FLOAT32: _Spans(), _FLOAT64: _Spans(), _INT32: _Spans()}
    )
    keys: _Spans = field(default_factory=_Spans)
    shape: _Spans = field(default_factory=_Spans)


def read_recordio(content: bytes, feature_dim: int) -> BagOfWords:
    """Read the documents of one RecordIO-protobuf file.

    Args:
        content: the whole file; an empty one holds no document.
        feature_dim: size of the vocabulary; every tensor must have it.

    Raises:
        InputError: the file is truncated or is not RecordIO-protobuf, or a record is not a document over this
            vocabulary; the message names the record, counted from 1.
    """
    tensors = _Tensors()
    records = 0
    for start, end in _frames(content):
        try:
            has_values = _locate(content, start, end, records, tensors)
        except ValueError:
            raise InputError(f"Record {records + 1} is not a protobuf message aialgs.data.Record.") from None
        if not has_values:
            raise InputError(f"Record {records + 1} has no tensor of numbers in a feature named 'values'.")
        records += 1
    data = np.frombuffer(content, np.uint8)
    try:
        values, value_records = _values(tensors, data)
        keys, key_records = tensors.keys.varints(data)
        shape, shape_records = tensors.shape.varints(data)
    except ValueError:
        raise InputError("A tensor's packed numbers end in the middle of a number.") from None
    if (wrong := shape != feature_dim).any():
        at = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"Record {shape_records[at] + 1} has shape {shape[at]}; feature_dim is {feature_dim}: they must be equal."
        )
    value_sizes = np.bincount(value_records, minlength=records)
    key_sizes = np.bincount(key_records, minlength=records)
    dense = (key_sizes == 0) & (value_sizes > 0)
    expected = np.where(dense, feature_dim, key_sizes)
    if (wrong := value_sizes != expected).any():
        at = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"Record {at + 1} has {value_sizes[at]} values; expected {expected[at]}, "
            + ("feature_dim, as it has no keys." if dense[at] else "as many as it has keys.")
        )
    words = np.empty(len(values), np.int64)
    is_dense = dense[value_records]
    words[is_dense] = np.tile(np.arange(feature_dim), int(dense.sum()))
    words[~is_dense] = keys
    return bag_of_words(value_records, words, values, (records, feature_dim))


def _frames(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each record's payload starts and ends."""
    at, record = 0, 0
    while at < len(content):
        record += 1
        if len(content) - at < _FRAME.size:
            raise InputError(f"The file is truncated in record {record}.")
        magic, length = _FRAME.unpack_from(content, at)
        if magic != _MAGIC:
            raise InputError(
                f"Record {record} does not begin with RecordIO's magic number: "
                "the file is damaged, or is not application/x-recordio-protobuf."
            )
        if length >> _LENGTH_BITS:
            raise InputError(f"Record {record} is split into several parts; write each document as one part.")
        start = at + _FRAME.size
        at = start + (length + 3) // 4 * 4
        if at > len(content):
            raise InputError(f"The file is truncated in record {record}.")
        yield start, start + length


def _locate(content: bytes, start: int, end: int, record: int, tensors: _Tensors) -> bool:
    """Note where a record's numbers lie; return whether it has a tensor named ``values``."""
    found = False
    for number, wire, entry_start, entry_end in _fields(content, start, end):
        if (number, wire) != (_FEATURES, _BYTES):
            continue
        entry = {field: (at, stop) for field, _, at, stop in _fields(content, entry_start, entry_end)}
        if _MAP_KEY not in entry or content[slice(*entry[_MAP_KEY])] != b"values" or _MAP_VALUE not in entry:
            continue
        for kind, kind_wire, tensor_start, tensor_end in _fields(content, *entry[_MAP_VALUE]):
            if kind not in tensors.values or kind_wire != _BYTES:
                continue
            found = True
            for part, _, at, stop in _fields(content, tensor_start, tensor_end):
                # A number that was not packed is a piece of its own: both spellings are valid protobuf.
                if part == _VALUES:
                    tensors.values[kind].add(at, stop, record)
                elif part == _KEYS:
                    tensors.keys.add(at, stop, record)
                elif part == _SHAPE:
                    tensors.shape.add(at, stop, record)
    return found


def _fields(content: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the number, the wire type and the bytes' start and end of each field of a protobuf message."""
    while at < end:
        tag, at = _varint(content, at, end)
        wire = tag & 7
        if wire == _BYTES:
            size, at = _varint(content, at, end)
            stop = at + size
        elif wire == _VARINT:
            stop = _varint(content, at, end)[1]
        elif wire in (_FIXED32, _FIXED64):
            stop = at + (4 if wire == _FIXED32 else 8)
        else:
            raise ValueError
        if stop > end:
            raise ValueError
        yield tag >> 3, wire, at, stop
        at = stop


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """Decode one variable-length integer: the integer and where the next byte lies."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError


def _values(tensors: _Tensors, data: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Decode the values of all records, whatever the type of each: the numbers and the record of each, ascending."""
    parts = [tensors.values[kind].fixed(data, dtype) for kind, dtype in _ITEM_TYPES.items()]
    integers, owners = tensors.values[_INT32].varints(data)
    parts.append((integers.astype(np.float64), owners))
    records = np.concatenate([owners for _, owners in parts])
    order = np.argsort(records, kind="stable")
    return np.concatenate([numbers for numbers, _ in parts])[order], records[order]
