import importlib.util
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ntm.common.errors import InputError
from ntm.data.bag_of_words import BagOfWords, concatenate
from ntm.data.recordio import read_recordio, stream_recordio
from tests.containers.ntm import records


def dense(corpus: BagOfWords) -> NDArray[np.float32]:
    matrix = np.zeros((len(corpus), corpus.feature_dim), np.float32)
    matrix[corpus.documents, corpus.words] = corpus.counts
    return matrix


@st.composite
def count_matrices(draw: st.DrawFn) -> NDArray[np.float32]:
    rows, columns = draw(st.integers(0, 12)), draw(st.integers(1, 300))
    cells = draw(
        st.dictionaries(
            st.tuples(st.integers(0, max(rows - 1, 0)), st.integers(0, columns - 1)),
            st.floats(2.0**-100, 2.0**100, width=32),
            max_size=40 if rows else 0,
        )
    )
    matrix = np.zeros((rows, columns), np.float32)
    for cell, count in cells.items():
        matrix[cell] = count
    return matrix


@given(count_matrices())
def test_sparse_records_of_the_sdk_are_read(counts: NDArray[np.float32]) -> None:
    corpus = read_recordio(records.sparse_file(counts), counts.shape[1])
    np.testing.assert_array_equal(dense(corpus), counts)
    assert (corpus.counts > 0).all()


@given(
    count_matrices(),
    st.sampled_from([np.float32, np.float64, np.int64]),
    st.sampled_from([records.dense_file, records.sdk_sparse_file]),
)
def test_all_types_and_both_tensors_of_the_sdk_are_read(
    counts: NDArray[np.float32], dtype: type, write: Callable[[NDArray[Any]], bytes]
) -> None:
    typed: NDArray[Any] = np.minimum(counts, 2**24).astype(dtype)
    expected = typed.astype(np.float32)
    np.testing.assert_array_equal(dense(read_recordio(write(typed), counts.shape[1])), expected)


@given(count_matrices(), st.integers(1, 200))
def test_blocks_of_any_size_give_the_same_documents(counts: NDArray[np.float32], block_bytes: int) -> None:
    content = records.sparse_file(counts) + records.dense_file(counts)
    parts = list(stream_recordio(io.BytesIO(content), counts.shape[1], block_bytes))
    whole = concatenate(parts, counts.shape[1])
    np.testing.assert_array_equal(dense(whole), np.concatenate([counts, counts]))
    assert all(len(part) for part in parts)


def test_records_of_the_preprocessing_function_are_read() -> None:
    path = Path(__file__).parents[4] / "lambdas" / "preprocess" / "write" / "recordio.py"
    spec = importlib.util.spec_from_file_location("preprocess_recordio", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    encoder = module.RecordEncoder(100_000)
    bags = [((0, 1), (127, 2), (128, 3), (16_384, 4), (99_999, 5)), ((7, 300),)]
    content = b"".join(encoder.encode(bag, f"document {number}".encode()) for number, bag in enumerate(bags))
    corpus = read_recordio(content, 100_000)
    assert list(zip(corpus.words.tolist(), corpus.counts.tolist(), strict=True)) == [
        pair for bag in bags for pair in bag
    ]
    assert corpus.offsets.tolist() == [0, 5, 6]


def test_labels_metadata_and_other_features_are_ignored() -> None:
    rich = records.sparse_record([1, 2], [3, 4], [10], uid="x")
    rich.label["values"].float32_tensor.values.append(7)
    rich.label["values"].int32_tensor.keys.append(9)
    rich.features["other"].float64_tensor.values.extend([1, 2, 3])
    rich.features["picture"].bytes.value.append(b"not a number")
    rich.metadata, rich.configuration = '{"a": 1}', "c"
    plain = records.sparse_record([5], [6], [10])
    corpus = read_recordio(records.framed([plain, rich, plain]), 10)
    assert (corpus.words.tolist(), corpus.counts.tolist()) == ([5, 1, 2, 5], [6, 3, 4, 6])


def test_a_payload_may_contain_the_magic_number() -> None:
    # Aligned to four bytes, where a record could begin.
    payload = records.sparse_record([1], [1], [10]).SerializeToString()
    tag = b"\x1a"  # uid
    filler = b"\0" * (-(len(payload) + 2) % 4)
    uid = filler + struct.pack("<II", 0xCED7230A, 8) + b"abcdefgh"
    content = records.framed([payload + tag + bytes([len(uid)]) + uid, payload])
    for block_bytes in (1, 50, 1000):
        parts = list(stream_recordio(io.BytesIO(content), 10, block_bytes))
        assert concatenate(parts, 10).words.tolist() == [1, 1]


def test_the_first_invalid_record_of_the_file_is_named() -> None:
    content = ONE * 5 + records.framed([records.sparse_record([1], [1], [11])]) + ONE
    with pytest.raises(InputError, match="Record 6 has shape 11"):
        list(stream_recordio(io.BytesIO(content), 10, len(ONE)))
    content = ONE * 5 + records.framed([records.sparse_record([10], [1], [10])])
    with pytest.raises(InputError, match="Document 6 has word id 10"):
        list(stream_recordio(io.BytesIO(content), 10, len(ONE)))
    assert len(next(stream_recordio(io.BytesIO(content), 10, len(ONE)))) == 1


def test_types_may_change_from_record_to_record() -> None:
    content = records.framed(
        [
            records.sparse_record([70000, 3], [2, 5], [100000], "int32_tensor", uid="a document's id"),
            records.sparse_record([], [], [100000]),
            records.sparse_record([99999], [0.5], [100000], "float64_tensor"),
            records.sparse_record([1, 2], [7, 0], [100000], "float32_tensor"),
        ]
    )
    corpus = read_recordio(content, 100000)
    assert corpus.offsets.tolist() == [0, 2, 2, 3, 4]
    assert corpus.words.tolist() == [3, 70000, 99999, 1]
    assert corpus.counts.tolist() == [5, 2, 0.5, 7]


def test_repeated_keys_add_up() -> None:
    corpus = read_recordio(records.framed([records.sparse_record([4, 1, 4], [1, 1, 2], [5])]), 5)
    assert (corpus.words.tolist(), corpus.counts.tolist()) == ([1, 4], [1, 3])


def test_unpacked_numbers_are_read() -> None:
    # features { key: "values" value { float32_tensor { values: 2.0 keys: 3 keys: 300 values: 4.0 shape: 301 } } }
    tensor = b"\x0d" + struct.pack("<f", 2) + b"\x10\x03\x10\xac\x02\x0d" + struct.pack("<f", 4) + b"\x18\xad\x02"
    value = b"\x12" + bytes([len(tensor)]) + tensor
    entry = b"\x0a\x06values\x12" + bytes([len(value)]) + value
    corpus = read_recordio(records.framed([b"\x0a" + bytes([len(entry)]) + entry]), 301)
    assert (corpus.words.tolist(), corpus.counts.tolist()) == ([3, 300], [2, 4])


def test_an_empty_file_has_no_documents() -> None:
    assert len(read_recordio(b"", 10)) == 0


# A record whose only key is a varint cut off at the end.
CUT = b"\x0a\x06values\x12\x0f\x12\x0d\x0a\x04\x00\x00\x80?\x12\x02\x01\x81\x1a\x01\x0a"
ONE = records.framed([records.sparse_record([1], [1], [10])])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ONE + ONE[:5], "truncated in record 2"),
        (ONE + ONE[:-1], "truncated in record 2"),
        (ONE + b"id,text\n" * 9, "Record 2 does not begin with RecordIO's magic number"),
        (struct.pack("<II", 0xCED7230A, 1 << 29 | 4) + b"abcd", "Record 1 is split into several parts"),
        (records.framed([b"\xff" * 12]), "Record 1 is not a protobuf message"),
        (records.framed([ONE[8:-3]]), "Record 1 is not a protobuf message"),
        (records.framed([b""]), "Record 1 has no tensor of numbers in a feature named 'values'"),
        (records.framed([records.sparse_record([1], [1], [11])]), "Record 1 has shape 11, but feature_dim is 10"),
        (records.framed([records.sparse_record([], [1, 2], [])]), "Record 1 has 2 values; expected 10"),
        (records.framed([records.sparse_record([1, 2], [1], [10])]), "Record 1 has 1 values; expected 2"),
        (records.framed([b"\x0a\x19" + CUT]), "Record 1 has a truncated number in a packed field"),
        (ONE + records.framed([b"\xff" * 12, b""]), "Record 2 is not a protobuf message"),
        (ONE + records.framed([b"", b"\xff" * 12]), "Record 2 has no tensor"),
        (records.framed([records.sparse_record([10], [1], [10])]), "Document 1 has word id 10; allowed: 0 to 9"),
        (records.framed([records.sparse_record([2**63], [1], [10])]), "Document 1 has word id -9223372036854775808"),
        (ONE + records.framed([records.sparse_record([3], [-1], [10])]), "Document 2 has count -1.0 for word 3"),
        (records.framed([records.sparse_record([3], [-1], [10], "int32_tensor")]), "has count -1.0 for word 3"),
        (records.framed([records.sparse_record([3], [float("nan")], [10])]), "has count nan for word 3"),
        (records.framed([records.sparse_record([3], [1e300], [10], "float64_tensor")]), "has count 1e\\+300"),
    ],
)
def test_invalid_records_are_rejected_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_recordio(content, 10)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_rejected(content: bytes) -> None:
    with pytest.raises(InputError):
        read_recordio(b"\x0a\x23\xd7\xce" + content + b"\x00", 10)


@given(st.data())
def test_damaged_files_are_read_or_rejected(data: st.DataObject) -> None:
    content = bytearray(ONE * 3)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        corpus = read_recordio(bytes(content), 10)
    except InputError:
        return
    assert np.isfinite(corpus.counts).all()
    assert (corpus.words < 10).all()
