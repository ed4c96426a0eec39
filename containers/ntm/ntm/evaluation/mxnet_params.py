"""Reader of MXNet's parameter files, the format of the built-in NTM's network.

``mx.nd.save`` of MXNet 0.12 and later writes a dictionary of dense arrays as a magic number, the arrays, and their
names. All numbers are little-endian.
"""

import math
import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ntm.common.errors import InputError

_LIST: Final = 0x112
_LEGACY, _WITH_STORAGE, _NUMPY_SHAPES = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_DENSE: Final = 0
_DTYPES: Final = {0: "<f4", 1: "<f8", 2: "<f2", 3: "u1", 4: "<i4", 5: "i1", 6: "<i8"}


def read_params(content: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a file by name, such as ``arg:projection_weight``.

    Raises:
        InputError: The file has another format, is damaged, or contains a sparse array.
    """
    reader = _Reader(content)
    try:
        if reader.number("Q") != _LIST:
            raise InputError("params is not an MXNet parameter file: its magic number is wrong.")
        reader.number("Q")  # Reserved.
        arrays = [reader.array() for _ in range(reader.number("Q"))]
        names = [reader.take(reader.number("Q")).decode() for _ in range(reader.number("Q"))]
    except (struct.error, UnicodeDecodeError) as error:
        raise InputError(f"params is not a complete MXNet parameter file: {error}.") from None
    if len(names) != len(arrays):
        raise InputError(f"params has {len(arrays)} arrays but {len(names)} names.")
    return dict(zip(names, arrays, strict=True))


class _Reader:
    """Sequential reader of numbers and arrays."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._at = 0

    def take(self, size: int) -> bytes:
        part = bytes(self._content[self._at : self._at + size])
        if len(part) < size:
            raise struct.error(f"it ends at byte {len(self._content)}")
        self._at += size
        return part

    def number(self, kind: str) -> int:
        (number,) = struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))
        return int(number)

    def array(self) -> NDArray[np.generic]:
        magic = self.number("I")
        if magic not in (_LEGACY, _WITH_STORAGE, _NUMPY_SHAPES):
            raise InputError(f"params has an array in an unknown format ({magic:#x}).")
        if magic != _LEGACY and (storage := self.number("i")) != _DENSE:
            raise InputError(f"params has an array of storage type {storage}; only dense arrays (0) are supported.")
        shape = [self.number("q") for _ in range(max(0, self.number("i")))]
        if not shape:
            return np.zeros(0, np.float32)
        self.take(8)  # Device of the array.
        kind = self.number("i")
        if kind not in _DTYPES or min(shape) < 0:
            raise InputError(f"params has an array of type {kind} and shape {shape}, which is not supported.")
        dtype = np.dtype(_DTYPES[kind])
        return np.frombuffer(self.take(math.prod(shape) * dtype.itemsize), dtype).reshape(shape)
