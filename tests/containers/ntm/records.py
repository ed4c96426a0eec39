"""RecordIO-protobuf written by the SageMaker Python SDK, an independent encoder."""

import io
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import scipy.sparse  # type: ignore[import-untyped]
from numpy.typing import NDArray
from sagemaker import serializer_utils
from sagemaker.amazon.record_pb2 import Record

TENSORS: dict[str, Callable[[float], float]] = {"float32_tensor": float, "float64_tensor": float, "int32_tensor": int}


def sparse_record(
    keys: Sequence[int], values: Sequence[float], shape: Sequence[int], tensor: str = "float32_tensor", uid: str = ""
) -> Record:
    record = Record()
    target = getattr(record.features["values"], tensor)
    target.values.extend(TENSORS[tensor](value) for value in values)
    target.keys.extend(keys)
    target.shape.extend(shape)
    if uid:
        record.uid = uid
    return record


def framed(payloads: Iterable[bytes | Record]) -> bytes:
    file = io.BytesIO()
    for payload in payloads:
        content = payload if isinstance(payload, bytes) else payload.SerializeToString()
        serializer_utils._write_recordio(file, content)  # type: ignore[no-untyped-call]
    return file.getvalue()


def sparse_file(counts: NDArray[np.float32]) -> bytes:
    """Return a file with a sparse record for each row of a dense matrix."""
    rows = [(np.flatnonzero(row), row) for row in counts]
    return framed(sparse_record(keys.tolist(), row[keys].tolist(), [counts.shape[1]]) for keys, row in rows)


def sdk_sparse_file(counts: NDArray[np.float64] | NDArray[np.float32] | NDArray[np.int64]) -> bytes:
    file = io.BytesIO()
    matrix = scipy.sparse.csr_matrix(counts)
    serializer_utils.write_spmatrix_to_sparse_tensor(file, matrix)  # type: ignore[no-untyped-call]
    return file.getvalue()


def dense_file(counts: NDArray[np.float64] | NDArray[np.float32] | NDArray[np.int64]) -> bytes:
    file = io.BytesIO()
    serializer_utils.write_numpy_to_dense_tensor(file, counts)  # type: ignore[no-untyped-call]
    return file.getvalue()
