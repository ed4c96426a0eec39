"""Base class and helpers of the sections."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import AfterValidator, BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

from constructs.common.instance_types import is_arm

Conflicts = Iterator[InitErrorDetails]
"""Conflicts between settings."""


class Section(BaseModel):
    """Immutable, strictly typed section that rejects unknown keys.

    The docstring of a section appears in docs/environments.md.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


GREATEST = 2**31 - 1
"""Greatest number that AWS's services take as an integer."""
GREATEST_FLOAT = 1e9
"""Greatest number that this project passes where AWS's services take one of single precision."""
LONGEST_PARAMETER = 1024
"""Longest value of a pipeline's parameter, and longest S3 URI, in a request."""
LONGEST_KEY_BELOW_RAW = LONGEST_PARAMETER - len(f"s3://{'b' * 63}/raw/")
"""Longest key below ``raw/`` whose URI fits, whatever the name of the bucket."""


@dataclass(frozen=True)
class Words:
    """Description of the allowed values for docs/environments.md, instead of one generated from the type."""

    text: str


@dataclass(frozen=True)
class Also:
    """Additional constraint for docs/environments.md that the type does not express."""

    text: str


@dataclass(frozen=True)
class OneOf:
    """Allowed values, computed by a function, for the JSON Schema."""

    find: Callable[[], Sequence[str]]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON Schema of the value."""
        return {**handler(schema), "enum": list(self.find())}


def key_below_raw(longest: int) -> AfterValidator:
    """Return the validator of keys below ``raw/``.

    Args:
        longest: Greatest number of bytes.
    """

    def check(key: str) -> str:
        if (size := len(key.encode())) > longest:
            raise refuse(f"{size} bytes", f"at most {longest} bytes in UTF-8")
        return key

    return AfterValidator(check)


def refuse(reason: str, allowed: str) -> PydanticCustomError:
    """Return the error for a value that is not allowed."""
    return PydanticCustomError("refused", "{reason}; allowed: {allowed}", {"reason": reason, "allowed": allowed})


def different(values: tuple[str, ...]) -> tuple[str, ...]:
    """Reject duplicates.

    Raises:
        PydanticCustomError: The values contain duplicates.
    """
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise refuse(f"duplicate {', '.join(twice)}", "each value once")
    return values


def unset(key: str, reason: str, allowed: str) -> InitErrorDetails:
    """Return the error for a missing key that is required here, although it has a default."""
    error = PydanticCustomError("unset", "{reason}; allowed: {allowed}", {"reason": reason, "allowed": allowed})
    return InitErrorDetails(type=error, loc=(key,), input=None)


def conflict(key: str, value: Any, reason: str, allowed: str) -> InitErrorDetails:
    """Return the error for a value that conflicts with another one.

    Args:
        key: Dotted path of the value.
        value: The value.
        reason: Reason for the conflict.
        allowed: Allowed values.
    """
    path = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    return InitErrorDetails(type=refuse(reason, allowed), loc=path, input=value)


def runs_our_image(existing: Sequence[str]) -> list[str]:
    """Return the instance types that can run the x86 image."""
    return [name for name in existing if not is_arm(name)]


def check_instance_type(instance_type: str, use: str, existing: tuple[str, ...]) -> None:
    """Reject an unsupported instance type, suggesting sizes of the same family or other families.

    Raises:
        PydanticCustomError: The type is not available for this use, or cannot run the image.
    """
    usable = runs_our_image(existing)
    if instance_type in usable:
        return
    if instance_type in existing:
        raise refuse("it has an Arm processor, but the image is built for x86", "for example ml.m5.large")
    family = instance_type.rpartition(".")[0] + "."
    sizes = [name for name in usable if name.startswith(family)]
    families = sorted({name.rpartition(".")[0] + ".*" for name in usable})
    raise refuse(f"no such instance type for {use}", ", ".join(sizes or families))
