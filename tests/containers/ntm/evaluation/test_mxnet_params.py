import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from ntm.common.errors import InputError
from ntm.evaluation.mxnet_params import read_params
from tests.containers.ntm.evaluation.mxnet import TYPES, V1, V2, V3, saved

arrays = st.sampled_from(sorted(TYPES)).flatmap(
    lambda name: arrays_of.arrays(np.dtype(name), arrays_of.array_shapes(max_dims=3, max_side=4))
)


@given(st.dictionaries(st.text(max_size=8), arrays, max_size=3), st.sampled_from([V1, V2, V3]))
def test_files_saved_by_mxnet_are_read(content: dict[str, np.ndarray], version: int) -> None:
    found = read_params(saved(content, version))
    assert list(found) == list(content)
    for name, array in content.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


PARAMS = saved({"arg:a": np.ones((2, 3), np.float32)})


@given(st.integers(0, len(PARAMS) - 1))
def test_a_truncated_file_is_rejected(size: int) -> None:
    with pytest.raises(InputError, match="params is not a complete MXNet parameter file: it ends at byte"):
        read_params(PARAMS[:size])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x80\x04" + b"x" * 20, "params is not an MXNet parameter file"),
        (saved({"a": np.ones(2, np.float32)}, version=7), r"an unknown format \(0x7\)"),
        (saved({"a": np.ones(2, np.float32)}, storage=1), "of storage type 1; only dense arrays"),
        (PARAMS[: -4 - 1 - 16] + struct.pack("<Q", 0), "params has 1 arrays but 0 names"),
        (PARAMS[:32] + struct.pack("<I2q3i", 2, 2, 3, 1, 0, 12) + PARAMS[64:], "an array of type 12 and shape"),
    ],
)
def test_unsupported_files_are_rejected_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_params(content)


def test_an_array_without_a_shape_is_empty() -> None:
    content = struct.pack("<QQQIiI", 0x112, 0, 1, V2, 0, 0) + struct.pack("<QQ", 1, 1) + b"a"
    assert read_params(content)["a"].size == 0
