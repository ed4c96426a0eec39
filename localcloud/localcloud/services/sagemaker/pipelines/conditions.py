"""Conditions of a pipeline's Condition step, with resolved values.

See https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html#step-type-condition.
"""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.services.sagemaker.pipelines.expressions import ExpressionError

Condition = Mapping[str, Any]

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


def holds(condition: Condition) -> bool:
    """Return True if a condition holds.

    Args:
        condition: An element of ``Conditions``, with all references resolved.

    Raises:
        ExpressionError: The type is not supported, or the values cannot be compared.
    """
    kind = condition.get("Type")
    match kind:
        case "Equals":
            return _equal(condition["LeftValue"], condition["RightValue"])
        case "In":
            return any(_equal(condition["QueryValue"], value) for value in condition["Values"])
        case "Not":
            # The schema has the one name, the SageMaker SDK writes the other one.
            return not holds(condition["Expression"] if "Expression" in condition else condition["Condition"])
        case "Or":
            return any(holds(inner) for inner in condition["Conditions"])
    if kind not in _ORDERS:
        known = ", ".join(sorted([*_ORDERS, "Equals", "In", "Not", "Or"]))
        raise ExpressionError(f"ClientError: The condition {kind} is not supported; supported: {known}.")
    left, right = condition["LeftValue"], condition["RightValue"]
    if not _are_numbers(left, right) and not _are_texts(left, right):
        raise ExpressionError(f"ClientError: {kind} cannot compare {_shown(left)} with {_shown(right)}.")
    return _ORDERS[kind](left, right)


def _equal(left: Any, right: Any) -> bool:
    comparable = _are_numbers(left, right) or _are_texts(left, right)
    if not comparable and not (isinstance(left, bool) and isinstance(right, bool)):
        raise ExpressionError(f"ClientError: Equals cannot compare {_shown(left)} with {_shown(right)}.")
    return bool(left == right)


def _are_numbers(*values: Any) -> bool:
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) for value in values
    )


def _are_texts(*values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


def _shown(value: Any) -> str:
    return "null" if value is None else repr(value)
