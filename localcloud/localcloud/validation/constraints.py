"""Constraints of a service model: required members, types, lengths, patterns, enumerations and ranges.

The traits are Smithy's (https://smithy.io/2.0/spec/constraint-traits.html), the messages those of AWS's services, for
example "1 validation error detected: Value 'a b' at 'trainingJobName' failed to satisfy constraint: Member must satisfy
regular expression pattern: ...".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from localcloud.validation.patterns import matches

_NUMBERS = ("integer", "long", "float", "double")
# Java types of AWS's messages.
_JAVA = {"string": "String", "integer": "Integer", "long": "Long", "float": "Float", "double": "Double"}


@dataclass(frozen=True)
class Violation:
    """A value that breaks a constraint.

    Attributes:
        path: Position of the value, for example ``inputDataConfig.1.member.channelName``.
        value: The value; None if it is missing.
        constraint: The constraint in AWS's words.
        of_type: True if the value has the wrong JSON type.
    """

    path: str
    value: Any
    constraint: str
    of_type: bool = False

    def __str__(self) -> str:
        """Return the violation in AWS's words."""
        shown = "null" if self.value is None else f"'{_shown(self.value)}'"
        return f"Value {shown} at '{self.path}' failed to satisfy constraint: {self.constraint}"


def message(violations: Sequence[Violation]) -> str:
    """Return AWS's message for one violation or more."""
    errors = "error" if len(violations) == 1 else "errors"
    return f"{len(violations)} validation {errors} detected: {'; '.join(map(str, violations))}"


def violations(shape: Shape, value: Any, *, serialized: bool = False) -> list[Violation]:
    """Return the violations of a request.

    Args:
        shape: The operation's input.
        value: The request, by names of members.
        serialized: The request has the names of the JSON document instead, which differ in some services.
    """
    return list(_of(shape, value, "", serialized))


def _of(shape: Shape, value: Any, path: str, serialized: bool) -> Iterator[Violation]:
    if (wrong := _wrong_type(shape, value)) is not None:
        yield Violation(path, value, wrong, of_type=True)
    elif isinstance(shape, StructureShape):
        yield from _of_structure(shape, value, path, serialized)
    elif isinstance(shape, ListShape):
        yield from _of_list(shape, value, path, serialized)
    elif isinstance(shape, MapShape):
        yield from _of_map(shape, value, path, serialized)
    else:
        # AWS's messages leave out secrets.
        shown = "" if shape.metadata.get("sensitive") else value
        for constraint in _broken(shape, value):
            yield Violation(path, shown, constraint)


def _of_structure(shape: StructureShape, value: Mapping[str, Any], path: str, serialized: bool) -> Iterator[Violation]:
    required = shape.required_members
    for name, member in shape.members.items():
        given = value.get(member.serialization.get("name", name) if serialized else name)
        below = f"{path}.{_lowered(name)}" if path else _lowered(name)
        if given is None:
            if name in required:
                yield Violation(below, None, "Member must not be null")
        else:
            yield from _of(member, given, below, serialized)


def _of_list(shape: ListShape, value: Sequence[Any], path: str, serialized: bool) -> Iterator[Violation]:
    for constraint in _lengths(shape, len(value)):
        yield Violation(path, value, constraint)
    member: Shape = shape.member
    if isinstance(member, StructureShape | ListShape | MapShape):
        for number, item in enumerate(value, 1):
            yield from _of(member, item, f"{path}.{number}.member", serialized)
    elif constraints := _of_any(member, value):
        yield Violation(path, value, f"Member must satisfy constraint: [{constraints}]")


def _of_map(shape: MapShape, value: Mapping[str, Any], path: str, serialized: bool) -> Iterator[Violation]:
    for constraint in _lengths(shape, len(value)):
        yield Violation(path, value, constraint)
    if constraints := _of_any(shape.key, value):
        yield Violation(path, value, f"Map keys must satisfy constraint: [{constraints}]")
    member: Shape = shape.value
    if isinstance(member, StructureShape | ListShape | MapShape):
        for key, item in value.items():
            yield from _of(member, item, f"{path}.{key}.member", serialized)
    elif constraints := _of_any(member, value.values()):
        yield Violation(path, value, f"Map value must satisfy constraint: [{constraints}]")


def _of_any(shape: Shape, values: Any) -> str:
    """Return all constraints of elements if one element breaks one of them, otherwise an empty text."""
    if any(_wrong_type(shape, value) is not None or any(_broken(shape, value)) for value in values):
        return ", ".join(_constraints(shape))
    return ""


def _broken(shape: Shape, value: Any) -> Iterator[str]:
    """Yield the constraints that a value of a simple type breaks."""
    traits = shape.metadata
    if shape.type_name == "string":
        # Not of blobs: they are encoded, or the body, whose length the services limit with an error of their own.
        yield from _lengths(shape, _java_length(value))
    if isinstance(shape, StringShape):
        if shape.enum and value not in shape.enum:
            yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        if "pattern" in traits and not matches(traits["pattern"], value):
            yield f"Member must satisfy regular expression pattern: {traits['pattern']}"
    if shape.type_name in _NUMBERS:
        if value > traits.get("max", value):
            yield f"Member must have value less than or equal to {traits['max']}"
        if value < traits.get("min", value):
            yield f"Member must have value greater than or equal to {traits['min']}"


def _lengths(shape: Shape, length: int) -> Iterator[str]:
    if length > shape.metadata.get("max", length):
        yield f"Member must have length less than or equal to {shape.metadata['max']}"
    if length < shape.metadata.get("min", length):
        yield f"Member must have length greater than or equal to {shape.metadata['min']}"


def _constraints(shape: Shape) -> Iterator[str]:
    traits, word = shape.metadata, "value" if shape.type_name in _NUMBERS else "length"
    if "max" in traits:
        yield f"Member must have {word} less than or equal to {traits['max']}"
    if "min" in traits:
        yield f"Member must have {word} greater than or equal to {traits['min']}"
    if isinstance(shape, StringShape) and shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    if "pattern" in traits:
        yield f"Member must satisfy regular expression pattern: {traits['pattern']}"


def _wrong_type(shape: Shape, value: Any) -> str | None:
    """Return AWS's message if a JSON value has the wrong type."""
    kind = shape.type_name
    if isinstance(shape, StructureShape):
        return None if isinstance(value, Mapping) or shape.is_document_type else "Unexpected token received from parser"
    if isinstance(shape, MapShape):
        return None if isinstance(value, Mapping) else "Unexpected token received from parser"
    if isinstance(shape, ListShape):
        return None if isinstance(value, list | tuple) else "Unexpected token received from parser"
    if kind == "string":
        fits = isinstance(value, str)
    elif kind in _NUMBERS:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    elif kind == "boolean":
        return None if isinstance(value, bool) else f"{_token(value)} can not be converted to a Boolean"
    else:
        return None
    article = "an" if kind == "integer" else "a"
    return None if fits else f"{_token(value)} can not be converted to {article} {_JAVA[kind]}"


def _token(value: Any) -> str:
    """Return the name of a JSON token, as in the messages of AWS's parser."""
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, str):
        return "STRING_VALUE"
    return "NUMBER_VALUE" if isinstance(value, int | float) else "START_OBJECT"


def _java_length(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def _lowered(name: str) -> str:
    return name[:1].lower() + name[1:]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return str(value)
