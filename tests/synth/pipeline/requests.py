"""Validation of requests by botocore's API models, beyond what botocore's own validator checks."""

import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator


def problems(operation: str, request: dict[str, Any], service: str = "sagemaker") -> list[str]:
    """Return the errors in an operation's request: members, types, limits, enumerations, patterns."""
    model: ServiceModel = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    report = ParamValidator().validate(request, shape)
    return [report.generate_report()] if report.has_errors() else list(_values(shape, request, operation))


def _values(shape: Shape, value: Any, path: str) -> Iterator[str]:
    match shape:
        case StructureShape():
            for name, item in value.items():
                yield from _values(shape.members[name], item, f"{path}.{name}")
        case ListShape():
            for index, item in enumerate(value):
                yield from _values(shape.member, item, f"{path}[{index}]")
        case MapShape():
            for name, item in value.items():
                yield from _values(shape.key, name, f"{path}.{name}")
                yield from _values(shape.value, item, f"{path}.{name}")
        case StringShape():
            pattern = shape.metadata.get("pattern")
            if shape.enum and value not in shape.enum:
                yield f"{path}: {value!r} is none of {shape.enum}"
            if pattern and not re.fullmatch(_python(pattern), value):
                yield f"{path}: {value!r} does not match {pattern}"
            if len(value) > shape.metadata.get("max", len(value)):
                yield f"{path}: {value!r} is too long"
        case _ if isinstance(value, int | float) and value > shape.metadata.get("max", value):
            yield f"{path}: {value!r} is too much"


def _python(pattern: str) -> str:
    """Convert a pattern of the model from Java's syntax to Python's."""
    for name, characters in (("L", "A-Za-z"), ("Z", " "), ("N", "0-9")):
        pattern = pattern.replace(rf"\p{{{name}}}", characters)
    pattern = pattern.replace(r"\p{Print}", "[ -~]").replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    # Java allows a flag mid-pattern, Python does not. Without it, matching is case-sensitive.
    pattern = pattern.replace("(?i)", "")
    # A few patterns repeat the end anchor.
    return re.sub(r"\$\{\d+,\d+\}", "$", pattern)
