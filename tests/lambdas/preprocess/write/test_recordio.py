"""The RecordIO writer, compared with the SageMaker SDK's reader and writer."""

from hypothesis import given
from hypothesis import strategies as st
from sagemaker.amazon.record_pb2 import Record
from write.recordio import RecordEncoder, varint

from tests.lambdas.preprocess.sdk import read_records, write_record

FEATURE_DIM = 40_000

bags = st.dictionaries(st.integers(0, FEATURE_DIM - 1), st.integers(1, 2**20), min_size=1, max_size=300).map(
    lambda bag: sorted(bag.items())
)
uids = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)

encoder = RecordEncoder(FEATURE_DIM)


@given(st.lists(st.tuples(bags, uids), max_size=5))
def test_sdk_reads_what_was_written(documents: list[tuple[list[tuple[int, int]], str]]) -> None:
    records = read_records(b"".join(encoder.encode(bag, uid.encode()) for bag, uid in documents))

    assert len(records) == len(documents)
    for record, (bag, uid) in zip(records, documents, strict=True):
        tensor = record.features["values"].float32_tensor
        assert list(zip(tensor.keys, tensor.values, strict=True)) == bag
        assert list(tensor.shape) == [FEATURE_DIM]
        assert record.uid == uid
        assert not record.label


@given(bags, uids)
def test_bytes_are_those_of_the_sdk(bag: list[tuple[int, int]], uid: str) -> None:
    assert encoder.encode(bag, uid.encode()) == write_record(bag, FEATURE_DIM, uid)


@given(st.integers(0, 2**64 - 1))
def test_varint_is_protobufs(number: int) -> None:
    record = Record()
    record.features["values"].float32_tensor.shape.append(number)
    assert record.features["values"].float32_tensor.SerializeToString()[2:] == varint(number)
