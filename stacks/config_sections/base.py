"""What the sections of an environment have in common."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import InitErrorDetails, PydanticCustomError

from constructs.instance_types import is_arm

Conflicts = Iterator[InitErrorDetails]
"""What one section says against another."""


class Section(BaseModel):
    """A part of an environment: immutable, with no key but its own, and no value converted from another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def refuse(reason: str, allowed: str) -> PydanticCustomError:
    """Return the error of a value that cannot be."""
    return PydanticCustomError("refused", "{reason}; allowed: {allowed}", {"reason": reason, "allowed": allowed})


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


def check_instance_type(instance_type: str, use: str, existing: tuple[str, ...]) -> None:
    """Refuse a type that does not exist for the use, and name the nearest that do: its family, or all families.

    Raises:
        PydanticCustomError: it does not exist, or our image does not run on it.
    """
    usable = [name for name in existing if not is_arm(name)]
    if instance_type in usable:
        return
    if instance_type in existing:
        raise refuse("its processor is an Arm one and the image is for x86", "for example ml.m5.large")
    family = instance_type.rpartition(".")[0] + "."
    sizes = [name for name in usable if name.startswith(family)]
    families = sorted({name.rpartition(".")[0] + ".*" for name in usable})
    raise refuse(f"no such instance type for {use}", ", ".join(sizes or families))
