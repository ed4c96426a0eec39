"""Descriptions of a key's allowed values, generated from its type and annotations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

from annotated_types import MaxLen, MinLen, MultipleOf
from pydantic.fields import FieldInfo

from stacks.config.sections.base import Also, Section, Words

_BOUNDS = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
_NUMBERS: dict[Any, str] = {int: "integer", float: "number"}


def allowed(field: FieldInfo) -> str:
    """Return a description of a key's allowed values."""
    return _in_words(_taken_apart(field.annotation, field.metadata))


def inner_section(field: FieldInfo) -> type[Section] | None:
    """Return the section of a key or of its list items, if any; a tuning range counts as a value."""
    value = _taken_apart(field.annotation)
    for kind in (value.kind, *get_args(value.kind)):
        if _is_section(kind) and not kind.__pydantic_generic_metadata__["origin"]:
            return kind
    return None


@dataclass(frozen=True)
class _Value:
    """Type annotation, split into its parts.

    Attributes:
        kind: Type without annotations.
        rules: Annotations.
        nullable: Whether null is allowed.
    """

    kind: Any
    rules: Sequence[Any]
    nullable: bool = False


def _is_section(kind: Any) -> TypeGuard[type[Section]]:
    return isinstance(kind, type) and issubclass(kind, Section)


def _taken_apart(annotation: Any, rules: Sequence[Any] = ()) -> _Value:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        said = [rule for one in more for rule in (one.metadata if isinstance(one, FieldInfo) else [one])]
        return _taken_apart(inner, [*said, *rules])
    if get_origin(annotation) in (Union, UnionType):
        (inner,) = (one for one in get_args(annotation) if one is not NoneType)
        return replace(_taken_apart(inner, rules), nullable=True)
    return _Value(annotation, rules)


def _in_words(value: _Value) -> str:
    words = next((rule.text for rule in value.rules if isinstance(rule, Words)), None) or _type_in_words(value)
    also = [rule.text for rule in value.rules if isinstance(rule, Also)]
    return "; ".join([f"{words}, or null" if value.nullable else words, *also])


def _type_in_words(value: _Value) -> str:
    kind, origin = value.kind, get_origin(value.kind)
    if kind is bool:
        return "true, false"
    if kind in _NUMBERS:
        return _NUMBERS[kind] + _limits(value.rules)
    if origin is Literal:
        return ", ".join(map(str, get_args(kind)))
    if origin is tuple:
        item = _taken_apart(get_args(kind)[0])
        length = "".join(_lengths(value.rules))
        return f"list{length}, see below" if _is_section(item.kind) else f"list{length}: {_in_words(item)}"
    if _is_section(kind):
        return _range_in_words(kind) if kind.__pydantic_generic_metadata__["origin"] else "see below"
    return "text"


def _range_in_words(kind: type[Section]) -> str:
    """Return a description of a tuning range: listed values, or numbers between limits."""
    item = _taken_apart(kind.__pydantic_generic_metadata__["args"][0])
    if item.kind in _NUMBERS:
        return f"{_NUMBERS[item.kind]}s{_limits(item.rules)}"
    return f"`values` of {_in_words(item)}"


def _limits(rules: Sequence[Any]) -> str:
    bounds = [(sign, getattr(rule, name, None)) for name, sign in _BOUNDS for rule in rules]
    signs = [f" {sign} {_number(bound)}" for sign, bound in bounds if bound is not None]
    multiples = [f" a multiple of {rule.multiple_of}" for rule in rules if isinstance(rule, MultipleOf)]
    return ",".join([*signs, *multiples])


def _lengths(rules: Sequence[Any]) -> Iterator[str]:
    yield from (f" of at least {rule.min_length}" for rule in rules if isinstance(rule, MinLen))
    yield from (f" of at most {rule.max_length}" for rule in rules if isinstance(rule, MaxLen))


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
