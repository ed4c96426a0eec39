"""Writer of MXNet's parameter files, after its source (src/ndarray/ndarray.cc, NDArray::Save)."""

import struct
from collections.abc import Mapping

import numpy as np

TYPES = {"float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6}
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA


def saved(arrays: Mapping[str, np.ndarray], version: int = V2, storage: int = 0) -> bytes:
    """Return the file that ``mx.nd.save`` would write."""
    parts = [struct.pack("<QQQ", 0x112, 0, len(arrays))]
    for array in arrays.values():
        parts.append(struct.pack("<I", version) + (b"" if version == V1 else struct.pack("<i", storage)))
        parts.append(struct.pack(f"<I{array.ndim}q", array.ndim, *array.shape))
        # Device: CPU 0.
        parts.append(struct.pack("<iii", 1, 0, TYPES[array.dtype.name]) + array.tobytes())
    parts.append(struct.pack("<Q", len(arrays)))
    parts += [struct.pack("<Q", len(name.encode())) + name.encode() for name in arrays]
    return b"".join(parts)
