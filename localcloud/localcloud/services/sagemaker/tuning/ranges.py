"""Ranges of the tuned hyperparameters, parsed from ``ParameterRanges``.

Scaling:
https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-define-ranges.html#scaling-type.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from localcloud.core.errors import LocalCloudError

# From this ratio of its ends on, an Auto range is searched logarithmically. SageMaker does not document its rule.
_WIDE = 1000

Scale = Literal["Linear", "Logarithmic", "ReverseLogarithmic"]


class RangeError(LocalCloudError, ValueError):
    """A range is invalid; the message names it and says why."""


@dataclass(frozen=True)
class NumberRange:
    """A range of numbers from ``low`` to ``high``, inclusive."""

    name: str
    low: float
    high: float
    scale: Scale
    is_integer: bool

    def text(self, value: float) -> str:
        """Return a value in the notation of hyperparameters."""
        return str(round(value)) if self.is_integer else repr(float(value))

    def contains(self, text: str) -> bool:
        """Return True if a hyperparameter's value is in the range."""
        try:
            return self.low <= float(text) <= self.high
        except ValueError:
            return False


@dataclass(frozen=True)
class ChoiceRange:
    """A categorical range."""

    name: str
    values: tuple[str, ...]

    def contains(self, text: str) -> bool:
        """Return True if a hyperparameter's value is in the range."""
        return text in self.values


Range = NumberRange | ChoiceRange


def read_ranges(request: Mapping[str, Any]) -> list[Range]:
    """Return the ranges of ``ParameterRanges``, sorted by name.

    Raises:
        RangeError: There is no range, one appears twice, is empty or does not support its scaling type.
    """
    if request.get("AutoParameters"):
        raise RangeError("AutoParameters are not supported: give each hyperparameter its range.")
    ranges = sorted(_ranges(request), key=lambda one: one.name)
    names = [one.name for one in ranges]
    if not ranges:
        raise RangeError("At least one hyperparameter must have a range.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RangeError(f"Hyperparameters with more than one range: {', '.join(twice)}.")
    return ranges


def _ranges(request: Mapping[str, Any]) -> Iterator[Range]:
    for is_integer, member in ((True, "IntegerParameterRanges"), (False, "ContinuousParameterRanges")):
        for item in request.get(member) or []:
            yield _number_range(item, is_integer)
    for item in request.get("CategoricalParameterRanges") or []:
        values = tuple(item["Values"])
        if not values or len(set(values)) < len(values):
            raise RangeError(f"The values of {item['Name']} must be distinct and not empty: {list(values)}.")
        yield ChoiceRange(item["Name"], values)


def _number_range(item: Mapping[str, Any], is_integer: bool) -> NumberRange:
    name = item["Name"]
    try:
        low, high = ((int if is_integer else float)(item[end]) for end in ("MinValue", "MaxValue"))
    except ValueError as error:
        raise RangeError(f"MinValue or MaxValue of {name} is not a number: {error}.") from error
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise RangeError(f"MinValue {item['MinValue']} of {name} is not below its MaxValue {item['MaxValue']}.")
    asked = item.get("ScalingType", "Auto")
    scale: Scale
    match asked:
        case "Auto":
            scale = "Logarithmic" if low > 0 and high >= _WIDE * low else "Linear"
        case "Logarithmic":
            scale = asked
            if low <= 0:
                raise RangeError(f"Logarithmic scaling needs values above 0; MinValue of {name} is {item['MinValue']}.")
        case "ReverseLogarithmic":
            scale = asked
            if is_integer or low < 0 or high >= 1:
                raise RangeError(
                    f"ReverseLogarithmic scaling is for continuous ranges within 0 <= x < 1; the range of {name} is "
                    f"{item['MinValue']} to {item['MaxValue']}."
                )
        case "Linear":
            scale = asked
        case _:
            raise RangeError(f"ScalingType {asked!r} of {name} does not exist.")
    return NumberRange(name, low, high, scale, is_integer)


def combinations(ranges: Sequence[Range]) -> float:
    """Return the number of combinations of values, infinite if a range is continuous."""
    return math.prod(_size(one) for one in ranges)


def _size(one: Range) -> float:
    if isinstance(one, ChoiceRange):
        return len(one.values)
    return one.high - one.low + 1 if one.is_integer else math.inf
