import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.services.sagemaker.pipelines.conditions import holds
from localcloud.services.sagemaker.pipelines.expressions import ExpressionError

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ORDERS = ("GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")


def _compare(kind: str, left: Any, right: Any) -> bool:
    return holds({"Type": kind, "LeftValue": left, "RightValue": right})


@given(NUMBERS, NUMBERS)
def test_comparisons_order_numbers(left: float, right: float) -> None:
    assert _compare("GreaterThan", left, right) == (left > right)
    assert _compare("GreaterThanOrEqualTo", left, right) == (left >= right)
    assert _compare("LessThan", left, right) == (left < right)
    assert _compare("LessThanOrEqualTo", left, right) == (left <= right)
    assert _compare("Equals", left, right) == (left == right)


@given(NUMBERS, NUMBERS)
def test_not_or_and_in_combine_conditions(left: float, right: float) -> None:
    equal = {"Type": "Equals", "LeftValue": left, "RightValue": right}
    greater = {"Type": "GreaterThan", "LeftValue": left, "RightValue": right}
    assert holds({"Type": "Not", "Expression": equal}) != holds(equal)
    assert holds({"Type": "Not", "Condition": equal}) != holds(equal)
    assert holds({"Type": "Or", "Conditions": [equal, greater]}) == _compare("GreaterThanOrEqualTo", left, right)
    assert holds({"Type": "In", "QueryValue": left, "Values": [right, left]})


@pytest.mark.parametrize(("left", "right", "equal"), [("a", "a", True), ("a", "b", False), (True, False, False)])
def test_strings_and_booleans_compare_for_equality(left: Any, right: Any, equal: bool) -> None:
    assert _compare("Equals", left, right) is equal


@pytest.mark.parametrize("kind", [*ORDERS, "Equals"])
@pytest.mark.parametrize(
    ("left", "right", "complaint"),
    [
        (None, 0.5, "null with 0.5"),
        ("0.7", 0.5, "'0.7' with 0.5"),
        (True, 1, "True with 1"),
        (math.nan, 0.5, "nan with 0.5"),
        ([1], [1], r"\[1\] with \[1\]"),
    ],
)
def test_incomparable_values_are_named(kind: str, left: Any, right: Any, complaint: str) -> None:
    with pytest.raises(ExpressionError, match=f"ClientError: {kind} cannot compare {complaint}"):
        _compare(kind, left, right)


def test_unknown_condition_is_named() -> None:
    with pytest.raises(ExpressionError, match="condition Between is not supported; supported: Equals, GreaterThan"):
        holds({"Type": "Between"})
