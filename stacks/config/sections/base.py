"""What the sections of an environment have in common."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

from constructs.common.instance_types import is_arm

Conflicts = Iterator[InitErrorDetails]
"""What one section says against another."""


class Section(BaseModel):
    """A part of an environment: immutable, with no key but its own, and no value converted from another type.

    The docstring of a section is what docs/environments.md says of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Words:
    """What a value may be, in place of what docs/environments.md would say of its type."""

    text: str


@dataclass(frozen=True)
class Also:
    """What a value must keep to besides, which docs/environments.md cannot tell from its type."""

    text: str


@dataclass(frozen=True)
class OneOf:
    """The values that there are, which a function finds out: the JSON Schema lists them, and checks nothing else."""

    find: Callable[[], Sequence[str]]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON Schema of the value."""
        return {**handler(schema), "enum": list(self.find())}


def refuse(reason: str, allowed: str) -> PydanticCustomError:
    """Return the error of a value that cannot be."""
    return PydanticCustomError("refused", "{reason}; allowed: {allowed}", {"reason": reason, "allowed": allowed})


def different(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list in which something stands twice.

    Raises:
        PydanticCustomError: something does.
    """
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise refuse(f"{', '.join(twice)} stands twice", "each once")
    return values


def unsaid(key: str, reason: str, allowed: str) -> InitErrorDetails:
    """Return the error of a key that has a default and must be there all the same."""
    error = PydanticCustomError("unsaid", "{reason}; allowed: {allowed}", {"reason": reason, "allowed": allowed})
    return InitErrorDetails(type=error, loc=(key,), input=None)


def conflict(key: str, value: Any, reason: str, allowed: str) -> InitErrorDetails:
    """Return the error of a value that cannot be beside another one.

    Args:
        key: the path of the value, its parts joined by dots.
        value: the value.
        reason: why it cannot be.
        allowed: what can.
    """
    path = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    return InitErrorDetails(type=refuse(reason, allowed), loc=path, input=value)


def runs_our_image(existing: Sequence[str]) -> list[str]:
    """Return those instance types whose processor is one for x86."""
    return [name for name in existing if not is_arm(name)]


def check_instance_type(instance_type: str, use: str, existing: tuple[str, ...]) -> None:
    """Refuse a type that does not exist for the use, and name the nearest that do: its family, or all families.

    Raises:
        PydanticCustomError: it does not exist, or our image does not run on it.
    """
    usable = runs_our_image(existing)
    if instance_type in usable:
        return
    if instance_type in existing:
        raise refuse("its processor is an Arm one and the image is for x86", "for example ml.m5.large")
    family = instance_type.rpartition(".")[0] + "."
    sizes = [name for name in usable if name.startswith(family)]
    families = sorted({name.rpartition(".")[0] + ".*" for name in usable})
    raise refuse(f"no such instance type for {use}", ", ".join(sizes or families))
