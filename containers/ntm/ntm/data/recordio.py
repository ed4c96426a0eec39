"""Reader of RecordIO-protobuf, the training format of SageMaker's built-in algorithms.

A file is a sequence of records in MXNet's RecordIO framing: magic number, length, payload, and padding to four bytes.
The payload is a protobuf message ``aialgs.data.Record`` whose feature ``values`` is a tensor, dense
(values alone) or sparse (values, keys and shape).

A file is read in blocks of bounded size. All records of a block are decoded in parallel: each numpy operation covers
the same field of every record, so the time spent in Python does not grow with the number of documents.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html (the message),
https://mxnet.apache.org/versions/1.9.1/api/architecture/note_data_loading (the frame),
https://protobuf.dev/programming-guides/encoding (the wire format).
"""

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ntm.common.errors import InputError
from ntm.data.bag_of_words import BagOfWords, bag_of_words, concatenate

BLOCK_BYTES = 4 * 1024 * 1024

MAGIC = 0xCED7230A
_FRAME = struct.Struct("<II")
_LENGTH_BITS = 29  # the three bits above mark the parts of a split record

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protobuf's wire types
_FEATURES, _MAP_KEY, _MAP_VALUE = 1, 1, 2
_VALUES, _KEYS, _SHAPE = 1, 2, 3
_INT32 = 7  # field of aialgs.data.Value, like the next two; bytes (9) cannot hold word counts
_FLOATS: dict[int, tuple[int, np.dtype[np.floating]]] = {
    2: (_FIXED32, np.dtype("<f4")),
    3: (_FIXED64, np.dtype("<f8")),
}

_NOWHERE = 2**60  # beyond the end of any block

_Integers = NDArray[np.int64]


def read_recordio(content: bytes, feature_dim: int) -> BagOfWords:
    """Read the documents of a RecordIO-protobuf file in memory; see ``stream_recordio``."""
    return concatenate(list(stream_recordio(io.BytesIO(content), feature_dim)), feature_dim)


def stream_recordio(stream: BinaryIO, feature_dim: int, block_bytes: int = BLOCK_BYTES) -> Iterator[BagOfWords]:
    """Read documents from RecordIO-protobuf, block by block.

    Args:
        stream: File or pipe of any length; an empty one yields no documents.
        feature_dim: Size of the vocabulary, which every tensor must have.
        block_bytes: Read size; memory is a small multiple of it or of the longest record.

    Raises:
        InputError: The stream is truncated or is not RecordIO-protobuf, or a record is not a document over this
            vocabulary. The message names the record, counted from 1.
    """
    rest, before = b"", 0
    while block := stream.read(max(block_bytes, _missing(rest))):
        content = rest + block
        starts, ends, used = _frames(content, before)
        if len(starts):
            yield _Block(content, before, len(starts)).decode(starts, ends, feature_dim)
        before += len(starts)
        rest = content[used:]
    if rest:
        raise InputError(f"The file is truncated in record {before + 1}.")


def _missing(rest: bytes) -> int:
    """Return the number of bytes missing from the record at the start of ``rest``."""
    return _next_frame(rest, 0) - len(rest) if len(rest) >= _FRAME.size else 0


def _next_frame(content: bytes, at: int) -> int:
    return int(at + _FRAME.size + (_FRAME.unpack_from(content, at)[1] + 3) // 4 * 4)


def _frames(content: bytes, before: int) -> tuple[_Integers, _Integers, int]:
    """Return the start and end of each complete record's payload, and the start of the first incomplete record.

    A vectorized search for the magic number finds all records, unless a payload also contains it. In that case the
    lengths do not lead from each match to the next, and the records are walked one by one.
    """
    words = np.frombuffer(content, "<u4", len(content) // 4)
    heads = np.flatnonzero(words[:-1] == MAGIC)
    following, split = _following(words, heads)
    # Expected successors: the next match, and for the last record a position beyond the complete frames.
    led_to = np.append(heads[1:], np.maximum(following[-1:], len(words) - 1))
    if split or heads[:1].tolist() != [0] or not np.array_equal(following, led_to):
        heads = np.array(list(_walk_frames(content, before)), np.int64) // 4
        following, _ = _following(words, heads)
    whole = following <= len(words)
    starts = 4 * heads[whole] + _FRAME.size
    return starts, starts + words[heads[whole] + 1], 4 * int(following[whole].max(initial=0))


def _following(words: NDArray[np.uint32], heads: _Integers) -> tuple[_Integers, bool]:
    """Return the position after each record, and whether any record is split."""
    lengths = words[heads + 1].astype(np.int64)
    return heads + 2 + (lengths + 3) // 4, bool((lengths >> _LENGTH_BITS).any())


def _walk_frames(content: bytes, before: int) -> Iterator[int]:
    """Yield the start of each record whose frame header is complete."""
    at = 0
    while at + _FRAME.size <= len(content):
        before += 1
        magic, length = _FRAME.unpack_from(content, at)
        if magic != MAGIC:
            raise InputError(
                f"Record {before} does not begin with RecordIO's magic number: "
                "the file is damaged or is not application/x-recordio-protobuf."
            )
        if length >> _LENGTH_BITS:
            raise InputError(f"Record {before} is split into several parts; write each document as one part.")
        yield at
        at = _next_frame(content, at)


class _Fields(NamedTuple):
    """Fields of protobuf messages: message, record, field number, wire type and byte range of each."""

    messages: _Integers
    records: _Integers
    numbers: _Integers
    wires: _Integers
    starts: _Integers
    ends: _Integers

    def select(self, chosen: NDArray[np.bool_] | _Integers) -> "_Fields":
        return _Fields(*(column[chosen] for column in self))

    def of(self, *numbers: int, wires: tuple[int, ...] = (_BYTES,)) -> "_Fields":
        """Return the fields with these numbers and wire types."""
        return self.select(np.isin(self.numbers, numbers) & np.isin(self.wires, wires))


class _Block:
    """Complete records of a file."""

    def __init__(self, content: bytes, before: int, size: int) -> None:
        self._content, self._data = content, np.frombuffer(content, np.uint8)
        self._before, self._size = before, size
        self._broken = np.zeros(size, np.bool_)

    def decode(self, starts: _Integers, ends: _Integers, feature_dim: int) -> BagOfWords:
        """Return the documents of the records with these payload ranges."""
        tensors = self._tensors(starts, ends)
        parts = self._fields(tensors.records, tensors.starts, tensors.ends)
        # An unpacked number is a field of its own; packed and unpacked are both valid protobuf.
        parts = parts.select(np.argsort(parts.starts, kind="stable"))
        has_tensor = np.zeros(self._size, np.bool_)
        has_tensor[tensors.records] = True
        if (wrong := self._broken | ~has_tensor).any():
            at = int(np.argmax(wrong))
            raise InputError(
                f"{self._name(at)} is not a protobuf message aialgs.data.Record."
                if self._broken[at]
                else f"{self._name(at)} has no tensor of numbers in a feature named 'values'."
            )
        values, value_sizes = self._values(parts, tensors.numbers[parts.messages])
        keys, key_sizes = self._integers(parts.of(_KEYS, wires=(_BYTES, _VARINT)))
        shape, shape_sizes = self._integers(parts.of(_SHAPE, wires=(_BYTES, _VARINT)))
        if (wrong := shape != feature_dim).any():
            at = int(np.argmax(wrong))
            raise InputError(
                f"{self._name(self._owners(shape_sizes)[at])} has shape {shape[at]}, but feature_dim is {feature_dim}."
            )
        dense = (key_sizes == 0) & (value_sizes > 0)
        expected = np.where(dense, feature_dim, key_sizes)
        if (wrong := value_sizes != expected).any():
            at = int(np.argmax(wrong))
            raise InputError(
                f"{self._name(at)} has {value_sizes[at]} values; expected {expected[at]}, "
                + ("the value of feature_dim, because it has no keys." if dense[at] else "the number of its keys.")
            )
        records, words = self._owners(value_sizes), keys
        if dense.any():
            # Drop the zeros of dense records early: they are nearly all of the values.
            chosen = np.flatnonzero((values != 0) | ~dense[records])
            values, records = values[chosen], records[chosen]
            words = chosen - (np.cumsum(value_sizes) - value_sizes)[records]
            sparse = ~dense[records]
            words[sparse] = keys
        return bag_of_words(records, words, values, (self._size, feature_dim), self._before)

    def _name(self, record: int) -> str:
        return f"Record {self._before + record + 1}"

    def _owners(self, sizes: _Integers) -> _Integers:
        return np.repeat(np.arange(self._size), sizes)

    def _tensors(self, starts: _Integers, ends: _Integers) -> _Fields:
        """Find the tensors of numbers in each record's feature ``values``."""
        entries = self._fields(np.arange(self._size), starts, ends).of(_FEATURES)
        parts = self._fields(entries.records, entries.starts, entries.ends)
        keys, values = parts.of(_MAP_KEY), parts.of(_MAP_VALUE)
        # Of a repeated field the last occurrence counts: here the one assigned last.
        is_values = np.zeros(len(entries.records), np.bool_)
        is_values[keys.messages] = self._equal(keys, b"values")
        value = np.full(len(entries.records), -1)
        value[values.messages] = np.arange(len(values.messages))
        values = values.select(value[is_values & (value >= 0)])
        return self._fields(values.records, values.starts, values.ends).of(*_FLOATS, _INT32)

    def _fields(self, records: _Integers, starts: _Integers, ends: _Integers) -> _Fields:
        """Return the fields of messages: the first field of every message, then every second field, and so on.

        Args:
            records: Record of each message; records with a malformed message are marked as broken.
            starts: Start of each message.
            ends: End of each message.
        """
        steps = [_Fields(*[np.zeros(0, np.int64)] * 6)]
        messages, at = np.flatnonzero(starts < ends), starts[starts < ends]
        while len(messages):
            limit = ends[messages]
            tag, start = self._varint(at, limit)
            wire = tag & 7
            number, after = self._varint(start, limit)
            length = np.where((number < 0) | (number > len(self._data)), _NOWHERE, number)
            at = np.select(
                [wire == _BYTES, wire == _VARINT, wire == _FIXED32, wire == _FIXED64],
                [after + length, after, start + 4, start + 8],
                _NOWHERE,
            )
            start = np.where(wire == _BYTES, after, start)
            self._broken[records[messages[at > limit]]] = True
            field = _Fields(messages, records[messages], tag >> 3, wire, start, at)
            steps.append(field if (at <= limit).all() else field.select(at <= limit))
            messages, at = messages[at < limit], at[at < limit]
        return _Fields(*(np.concatenate(column) for column in zip(*steps, strict=True)))

    def _varint(self, at: _Integers, limit: _Integers) -> tuple[_Integers, _Integers]:
        """Decode a varint at each position; return the integers and the positions after them.

        The position is ``_NOWHERE`` after a varint that exceeds its limit or ten bytes.
        """
        numbers, after = np.zeros(len(at), np.int64), np.full(len(at), _NOWHERE)
        rows = np.flatnonzero(at < limit)
        for place in range(10):
            here = at[rows] + place
            byte = self._data[here].astype(np.int64)
            numbers[rows] |= (byte & 0x7F) << (7 * place)
            last = byte < 0x80
            after[rows[last]] = here[last] + 1
            rows = rows[~last & (here + 1 < limit[rows])]
            if not len(rows):
                break
        return numbers, after

    def _equal(self, fields: _Fields, text: bytes) -> NDArray[np.bool_]:
        """Return a mask of the fields that contain this text."""
        equal = fields.ends - fields.starts == len(text)
        places = fields.starts[equal, None] + np.arange(len(text))
        equal[equal] = (self._data[places] == np.frombuffer(text, np.uint8)).all(axis=1)
        return np.asarray(equal, np.bool_)

    def _values(self, parts: _Fields, kinds: _Integers) -> tuple[NDArray[np.floating], _Integers]:
        """Decode the values of all records, of any type; return the numbers and the count per record."""
        decoded: list[tuple[NDArray[np.floating], _Integers]] = []
        for kind, (wire, dtype) in _FLOATS.items():
            chosen = parts.select(kinds == kind).of(_VALUES, wires=(_BYTES, wire))
            if len(chosen.records):
                decoded.append(self._floats(chosen, dtype))
        chosen = parts.select(kinds == _INT32).of(_VALUES, wires=(_BYTES, _VARINT))
        if len(chosen.records) or not decoded:
            integers, sizes = self._integers(chosen)
            decoded.append((integers.astype(np.float64), sizes))
        if len(decoded) == 1:
            return decoded[0]
        order = np.argsort(np.concatenate([self._owners(sizes) for _, sizes in decoded]), kind="stable")
        numbers = np.concatenate([numbers.astype(np.float64) for numbers, _ in decoded])
        return numbers[order], np.sum([sizes for _, sizes in decoded], axis=0)

    def _floats(self, parts: _Fields, dtype: np.dtype[np.floating]) -> tuple[NDArray[np.floating], _Integers]:
        """Decode fixed-width numbers; return the numbers and the count per record."""
        items, left = np.divmod(parts.ends - parts.starts, dtype.itemsize)
        self._require(parts, left == 0)
        # Numbers need not be aligned.
        everywhere: NDArray[np.floating] = np.ndarray(
            len(self._data) - dtype.itemsize + 1, dtype, self._content, strides=(1,)
        )
        return everywhere[_ranges(parts.starts, items, dtype.itemsize)], self._count(parts, items)

    def _integers(self, parts: _Fields) -> tuple[_Integers, _Integers]:
        """Decode varints as 64-bit two's complement; return the integers and the count per record."""
        piece = self._data[_ranges(parts.starts, parts.ends - parts.starts, 1)]
        after = np.flatnonzero(piece < 0x80) + 1
        starts = np.concatenate([[0], after])[: len(after)]
        bounds = np.cumsum(parts.ends - parts.starts)
        counted = np.searchsorted(after, bounds, side="right")
        self._require(parts, np.concatenate([[0], after])[counted] == bounds)
        sizes = after - starts
        numbers = (piece[starts] & 0x7F).astype(np.int64)
        longer = np.flatnonzero(sizes > 1)
        for place in range(1, 10):
            if not len(longer):
                break
            numbers[longer] |= (piece[starts[longer] + place] & 0x7F).astype(np.int64) << (7 * place)
            longer = longer[sizes[longer] > place + 1]
        return numbers, self._count(parts, np.diff(counted, prepend=0))

    def _require(self, parts: _Fields, whole: NDArray[np.bool_]) -> None:
        if not whole.all():
            record = self._name(parts.records[np.argmin(whole)])
            raise InputError(f"{record} has a truncated number in a packed field.")

    def _count(self, parts: _Fields, items: _Integers) -> _Integers:
        """Return the number of items of each record."""
        return np.bincount(parts.records, items, minlength=self._size).astype(np.int64)


def _ranges(starts: _Integers, sizes: _Integers, step: int) -> _Integers:
    """Return, for each i, ``sizes[i]`` positions from ``starts[i]`` with this step, concatenated."""
    before = np.cumsum(sizes) - sizes
    places: _Integers = step * np.arange(sizes.sum()) + np.repeat(starts - step * before, sizes)
    return places
