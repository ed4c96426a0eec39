from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.services.sagemaker.transform.filters import Filter, FilterError

RECORD = {"id": "a", "instance": {"data": {"x-y": [1, 2, 3, 4]}}, "SageMakerOutput": {"w": 0.5}}
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,5}", fullmatch=True)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        (None, RECORD),
        ("$", RECORD),
        ("$.id", "a"),
        ("$['id']", "a"),
        ("$.instance.data", {"x-y": [1, 2, 3, 4]}),
        ("$['id','SageMakerOutput']", {"id": "a", "SageMakerOutput": {"w": 0.5}}),
        ('$["id", "SageMakerOutput"]', {"id": "a", "SageMakerOutput": {"w": 0.5}}),
        ("$.instance.data.x-y[0]", 1),
        ("$.instance.data['x-y'][-1]", 4),
        ("$.instance.data['x-y'][1:]", [2, 3, 4]),
        ("$.instance.data['x-y'][0:3]", [1, 2, 3]),
        ("$.instance.data['x-y'][:-2]", [1, 2]),
        ("$.instance.data['x-y'][0,2]", [1, 3]),
    ],
)
def test_filters_select(text: str | None, selected: Any) -> None:
    assert Filter(text)(RECORD) == selected


@pytest.mark.parametrize("text", ["$.nothing", "$.id.x", "$.id[0]", "$[0]", "$.instance.data['x-y'][7]"])
def test_missing_field_is_an_error(text: str) -> None:
    with pytest.raises(FilterError, match="does not match a record"):
        Filter(text)(RECORD)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id", r"must begin with \$"),
        ("$id", "is invalid at 'id'"),
        ("$.a..b", "is invalid at '..b'"),
        ("$[a]", "has 'a' in brackets"),
        ("$['a]", "is invalid at"),
        ("$[]", "has '' in brackets"),
        ("$." + "a" * 70, "has 72 characters; 63 are allowed"),
    ],
)
def test_invalid_filters_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(FilterError, match=complaint):
        Filter(text)


@given(st.lists(NAMES, min_size=1, max_size=4), JSON)
def test_any_path_selects_its_value(names: list[str], value: Any) -> None:
    record = value
    for name in reversed(names):
        record = {name: record}
    assert Filter("$." + ".".join(names))(record) == value
    assert Filter("$" + "".join(f"['{name}']" for name in names))(record) == value


@given(st.lists(st.integers(), max_size=8), st.integers(-9, 9) | st.none(), st.integers(-9, 9) | st.none())
def test_slices_are_those_of_lists(values: list[int], begin: int | None, end: int | None) -> None:
    text = f"$[{'' if begin is None else begin}:{'' if end is None else end}]"
    assert Filter(text)(values) == values[begin:end]
