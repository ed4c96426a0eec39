"""Answers of SageMaker's API, which leave out what is not set."""

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, Shape, StructureShape


def without_unset(shape: Shape | None, value: Any) -> Any:
    """Return an answer without members that are None, or empty although their structure has required members.

    Clients such as SageMaker's Python SDK validate answers: ``"VpcConfig": {}`` lacks ``Subnets``.

    Args:
        shape: The operation's output, or a part of it.
        value: The answer, by the names of its members.
    """
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [without_unset(shape.member, item) for item in value]
    if not isinstance(shape, StructureShape) or not isinstance(value, Mapping):
        return value
    return {
        name: without_unset(shape.members.get(name), item)
        for name, item in value.items()
        if item is not None and not _is_unset(shape.members.get(name), item)
    }


def _is_unset(shape: Shape | None, value: Any) -> bool:
    return isinstance(shape, StructureShape) and bool(shape.required_members) and value == {}
