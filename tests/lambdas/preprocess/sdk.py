"""The SageMaker SDK's reader and writer of records, as an independent implementation."""

from collections.abc import Sequence
from io import BytesIO

from sagemaker import serializer_utils
from sagemaker.amazon.record_pb2 import Record


def read_records(content: bytes) -> list[Record]:
    records: list[Record] = serializer_utils.read_records(BytesIO(content))  # type: ignore[no-untyped-call]
    return records


def write_record(bag: Sequence[tuple[int, int]], feature_dim: int, uid: str) -> bytes:
    """Write a record as write_spmatrix_to_sparse_tensor does, with a uid and without SciPy."""
    record = Record()
    serializer_utils._write_feature_tensor("Float32", record, [count for _, count in bag])  # type: ignore[no-untyped-call]
    serializer_utils._write_keys_tensor("Float32", record, [key for key, _ in bag])  # type: ignore[no-untyped-call]
    serializer_utils._write_shape("Float32", record, feature_dim)  # type: ignore[no-untyped-call]
    record.uid = uid
    file = BytesIO()
    serializer_utils._write_recordio(file, record.SerializeToString())  # type: ignore[no-untyped-call]
    return file.getvalue()
