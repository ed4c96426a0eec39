"""RecordIO-protobuf encoder for bags of words, the input format of SageMaker's built-in algorithms.

See https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html. The message ``aialgs.data.Record`` is defined in
the SageMaker Python SDK (sagemaker/amazon/record.proto); the framing is MXNet's.
"""

import struct
from collections.abc import Iterable

_MAGIC = 0xCED7230A
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")

# A tag is the field number shifted left by three, plus the wire type: 2, length-delimited, for all fields used here.
_RECORD_FEATURES, _RECORD_UID = b"\x0a", b"\x1a"
_ENTRY_KEY_VALUES, _ENTRY_VALUE = b"\x0a\x06values", b"\x12"
_VALUE_FLOAT32_TENSOR = b"\x12"
_TENSOR_VALUES, _TENSOR_KEYS, _TENSOR_SHAPE = b"\x0a", b"\x12", b"\x1a"


def varint(number: int) -> bytes:
    """Encode a non-negative integer as a protobuf varint."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content


class RecordEncoder:
    """Encoder of sparse records with ``feature_dim`` features.

    The encoded keys are cached, since a corpus repeats a small set of keys many times.
    """

    def __init__(self, feature_dim: int) -> None:
        self._keys = tuple(map(varint, range(feature_dim)))
        self._shape = _field(_TENSOR_SHAPE, varint(feature_dim))

    def encode(self, bag: Iterable[tuple[int, int]], uid: bytes) -> bytes:
        """Return the framed record of a document.

        Args:
            bag: Pairs of word ID and count, in ascending order of IDs.
            uid: ID of the document in UTF-8, written to the record's field ``uid``.
        """
        ids, counts = zip(*bag, strict=True)
        values = struct.pack(f"<{len(counts)}f", *counts)
        keys = b"".join([self._keys[word_id] for word_id in ids])
        tensor = _field(_TENSOR_VALUES, values) + _field(_TENSOR_KEYS, keys) + self._shape
        entry = _ENTRY_KEY_VALUES + _field(_ENTRY_VALUE, _field(_VALUE_FLOAT32_TENSOR, tensor))
        record = _field(_RECORD_FEATURES, entry) + _field(_RECORD_UID, uid)
        return struct.pack("<II", _MAGIC, len(record)) + record + _PADDING[len(record) % 4]
