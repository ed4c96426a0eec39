"""Comparison of values: equal values never differ, and every difference is found."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from topicsmith.diff.model.values import MISSING, differences, shown, without_hashes

_SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab$[{", max_size=4)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ABC"), inner, max_size=3)
)


def _shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shuffled(value[key]) for key in reversed(value)}
    return [_shuffled(item) for item in value] if isinstance(value, list) else value


@given(_VALUES)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert differences(value, _shuffled(value)) == []
    assert differences({"A": value}, {"A": json.dumps(value)} if isinstance(value, dict) else {"A": value}) == []


@example({"A": [None, False]}, {"A": [False, None, []]})
@given(st.dictionaries(st.sampled_from("ABC"), _VALUES), st.dictionaries(st.sampled_from("ABC"), _VALUES))
def test_both_directions_find_the_same_number_of_differences(old: Any, new: Any) -> None:
    there, back = differences(old, new), differences(new, old)
    assert len(there) == len(back)
    assert {one.place for one in there if one.old is MISSING} <= {one.place for one in back}


@given(_VALUES, _VALUES)
def test_an_added_member_has_a_difference_per_leaf(old: Any, new: Any) -> None:
    (change,) = differences({"A": old}, {"A": old, "B": new})
    assert (change.place, change.old) == ("B", MISSING)
    assert all(leaf.path[0] == "B" for leaf in change.leaves())


def test_named_elements_are_compared_regardless_of_position() -> None:
    old = [{"Name": "a", "Value": 1}, {"Name": "b", "Value": 2}]
    new = [{"Name": "b", "Value": 3}, {"Name": "a", "Value": 1}]
    assert [str(one) for one in differences({"Rules": old}, {"Rules": new})] == ["Rules[b].Value: 2 → 3"]


def test_route_tables_have_no_order() -> None:
    found = differences({"RouteTableIds": ["a", "b"]}, {"RouteTableIds": ["c", "b", "a"]})
    assert [str(one) for one in found] == ["RouteTableIds[]: + c"]


def test_an_argument_is_labelled_with_its_option() -> None:
    old, new = ["--gate", "npmi:0.1", "--topics", "20"], ["--gate", "npmi:0.2", "--topics", "20"]
    (change,) = differences({"Arguments": old}, {"Arguments": new})
    assert str(change) == "Arguments[--gate]: npmi:0.1 → npmi:0.2"


def test_long_values_are_cut_to_the_difference() -> None:
    old, new = "x" * 200 + "old", "x" * 200 + "new"
    (change,) = differences({"A": old}, {"A": new})
    assert str(change).endswith("old → …xxxxxxxxxxxxxxxxxxxxnew")


def test_asset_hashes_are_ignored_and_image_digests_are_not() -> None:
    digest = "0" * 64
    assert without_hashes([f"{digest}.zip", f"repository:{digest}"]) == ["<hash>.zip", "repository:<hash>"]
    assert without_hashes(f"repository@sha256:{digest}") == f"repository@sha256:{digest}"


def test_a_value_is_one_short_line() -> None:
    assert shown("a\nb") == "a b"
    assert len(shown({"a": "b" * 500})) <= 90
