"""Filters of a transform job's ``DataProcessing``: batch transform's subset of JSONPath.

See https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html#data-processing-operators.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from localcloud.core.errors import LocalCloudError

_LONGEST = 63
_NAME = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)")
_BRACKETS = re.compile(r"\[\s*((?:'[^']*'|\"[^\"]*\"|[^\]'\"])*?)\s*\]")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_SLICE = re.compile(r"(-?\d+)?\s*:\s*(-?\d+)?")

Selection = Callable[[Any], Any]


class FilterError(LocalCloudError):
    """A filter is invalid or does not match a record."""


class Filter:
    """A filter: ``$`` for an entire record, ``$.a.b``, ``$['a','b']``, ``$[0]``, ``$[0,2]``, ``$[1:]``.

    Several names select an object with these members; several positions or a slice select a list.

    Args:
        text: The filter; None for the entire record.

    Raises:
        FilterError: The filter has another form.
    """

    def __init__(self, text: str | None):
        self._text = text or "$"
        if len(self._text) > _LONGEST:
            raise FilterError(f"The filter {self._text!r} has {len(self._text)} characters; {_LONGEST} are allowed.")
        if not self._text.startswith("$"):
            raise FilterError(f"The filter {self._text!r} must begin with $.")
        self._selections = list(self._parsed())

    @property
    def takes_all(self) -> bool:
        """True if it leaves records unchanged."""
        return not self._selections

    def __call__(self, record: Any) -> Any:
        """Return the selected part of a record.

        Raises:
            FilterError: The record does not have it.
        """
        for select in self._selections:
            try:
                record = select(record)
            except (LookupError, TypeError):
                raise FilterError(f"The filter {self._text} does not match a record.") from None
        return record

    def _parsed(self) -> Sequence[Selection]:
        selections: list[Selection] = []
        position = 1
        while position < len(self._text):
            if match := _NAME.match(self._text, position):
                selections.append(_member(match[1]))
            elif match := _BRACKETS.match(self._text, position):
                selections.append(self._in_brackets(match[1]))
            else:
                raise FilterError(f"The filter {self._text!r} is invalid at {self._text[position:]!r}.")
            position = match.end()
        return selections

    def _in_brackets(self, text: str) -> Selection:
        quoted = [match[1] if match[1] is not None else match[2] for match in _QUOTED.finditer(text)]
        if quoted and not _QUOTED.sub("", text).strip(" ,"):
            return _member(quoted[0]) if len(quoted) == 1 else _members(quoted)
        if match := _SLICE.fullmatch(text):
            return _range(slice(*(int(end) if end else None for end in match.groups())))
        try:
            positions = [int(part) for part in text.split(",")]
        except ValueError:
            raise FilterError(f"The filter {self._text!r} has {text!r} in brackets.") from None
        return _element(positions[0]) if len(positions) == 1 else _elements(positions)


def _member(name: str) -> Selection:
    def select(value: Any) -> Any:
        return _as_object(value)[name]

    return select


def _members(names: Sequence[str]) -> Selection:
    def select(value: Any) -> Any:
        members = _as_object(value)
        return {name: members[name] for name in names}

    return select


def _element(position: int) -> Selection:
    def select(value: Any) -> Any:
        return _as_list(value)[position]

    return select


def _elements(positions: Sequence[int]) -> Selection:
    def select(value: Any) -> Any:
        elements = _as_list(value)
        return [elements[position] for position in positions]

    return select


def _range(positions: slice) -> Selection:
    def select(value: Any) -> Any:
        return _as_list(value)[positions]

    return select


def _as_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(type(value))
    return value


def _as_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(type(value))
    return value
