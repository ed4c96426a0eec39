"""Expressions of a pipeline definition, evaluated at run time: parameters, references, functions.

Syntax: the pipeline definition schema, version 2020-12-01,
https://aws-sagemaker-mlops.github.io/sagemaker-model-building-pipeline-definition-JSON-schema/.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.core.errors import LocalCloudError

Scope = Mapping[str, Any]
"""Roots of references: ``Parameters``, ``Execution`` and ``Steps``, each by name.

``Documents`` returns the JSON document at an S3 URI, or raises :class:`ExpressionError`.
"""


class ExpressionError(LocalCloudError):
    """A value cannot be computed; the message names it and the reason."""


@dataclass(frozen=True)
class PropertyFile:
    """A JSON document written by a step, referred to as ``Steps.<step>.PropertyFiles.<name>``.

    Attributes:
        step: Step that writes it.
        name: Its name in the definition.
        uri: Its S3 URI.
    """

    step: str
    name: str
    uri: str

    def __str__(self) -> str:
        return f"Property file {self.name} of step {self.step}"


class ParameterError(LocalCloudError):
    """The parameters of an execution do not match those of the pipeline."""


@dataclass(frozen=True)
class Parameter:
    """A declared parameter of a pipeline.

    Attributes:
        kind: ``String``, ``Integer``, ``Float`` or ``Boolean``.
        default: Value if the execution gives none; None if it must.
    """

    name: str
    kind: str
    default: Any = None
    allowed: Sequence[Any] | None = None

    @classmethod
    def of(cls, declaration: Mapping[str, Any]) -> "Parameter":
        """Return the parameter of an entry in the definition's ``Parameters``."""
        return cls(
            declaration["Name"],
            declaration["Type"],
            declaration.get("DefaultValue"),
            declaration.get("EnumValues"),
        )

    def value(self, text: str) -> Any:
        """Parse a value of the parameter, as given to StartPipelineExecution.

        Raises:
            ParameterError: It has the wrong type or is not an allowed value.
        """
        parse = _PARSERS.get(self.kind)
        if parse is None:
            raise ParameterError(f"Parameter {self.name!r} has the unknown type {self.kind!r}.")
        try:
            value = parse(text)
        except (ValueError, KeyError):
            raise ParameterError(
                f"Parameter {self.name!r} has the value {text!r}, which is not of type {self.kind}."
            ) from None
        if self.allowed and value not in self.allowed:
            raise ParameterError(
                f"Parameter {self.name!r} has the value {text!r}; allowed are {', '.join(map(str, self.allowed))}."
            )
        return value


def _string(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_PARSERS: dict[str, Callable[[str], Any]] = {"String": _string, "Integer": int, "Float": float, "Boolean": _boolean}


def bind_parameters(declared: Sequence[Mapping[str, Any]], given: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return the value of each parameter of an execution.

    Args:
        declared: ``Parameters`` of the definition.
        given: ``PipelineParameters`` of the request, each with ``Name`` and ``Value``.

    Raises:
        ParameterError: A parameter is unknown, given twice, of the wrong type or missing.
    """
    parameters = {parameter.name: parameter for parameter in map(Parameter.of, declared)}
    values: dict[str, Any] = {}
    for item in given:
        name = item["Name"]
        if name not in parameters:
            known = ", ".join(sorted(parameters)) or "none"
            raise ParameterError(f"Unknown parameter {name!r}; the pipeline's parameters are: {known}.")
        if name in values:
            raise ParameterError(f"Parameter {name!r} is given twice.")
        values[name] = parameters[name].value(item["Value"])
    missing = [name for name, item in parameters.items() if name not in values and item.default is None]
    if missing:
        raise ParameterError(f"Parameters without a default need a value: {', '.join(sorted(missing))}.")
    return {name: values.get(name, item.default) for name, item in parameters.items()}


def evaluate(value: Any, scope: Scope) -> Any:
    """Evaluate all references and functions in a value of the definition.

    Raises:
        ExpressionError: A reference leads nowhere.
    """
    if isinstance(value, list):
        return [evaluate(item, scope) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (key, operand), *_ = value.items()
        if key in _FUNCTIONS:
            return _FUNCTIONS[key](operand, scope)
        if key.startswith("Std:"):
            raise ExpressionError(f"The function {key} is not supported; supported: {', '.join(sorted(_FUNCTIONS))}.")
    return {key: evaluate(item, scope) for key, item in value.items()}


def referenced_steps(value: Any) -> Iterator[str]:
    """Yield the names of the steps that a value refers to."""
    if isinstance(value, list):
        for item in value:
            yield from referenced_steps(item)
    elif isinstance(value, dict):
        path = value.get("Get")
        if isinstance(path, str) and path.startswith("Steps."):
            yield _path(path)[1]
        for item in value.values():
            yield from referenced_steps(item)


def _get(path: Any, scope: Scope) -> Any:
    found: Any = scope
    for part in _path(str(path)):
        try:
            found = _member(found, part)
        except LookupError:
            raise ExpressionError(f"{{'Get': {path!r}}} refers to {part!r}, which does not exist.") from None
    return found


def _member(value: Any, part: str) -> Any:
    """Return a member of an object, or an element of a list.

    Raises:
        LookupError: It does not exist.
    """
    try:
        return value[int(part) if isinstance(value, list) else part]
    except (TypeError, ValueError) as error:
        raise LookupError(part) from error


def _json_get(operand: Any, scope: Scope) -> Any:
    source = evaluate(operand["PropertyFile"] if "PropertyFile" in operand else operand.get("S3Uri"), scope)
    path = str(evaluate(operand["Path"], scope))
    if not isinstance(source, (PropertyFile, str)):
        raise ExpressionError(f"Std:JsonGet of {path!r} names neither a PropertyFile nor an S3Uri.")
    found = scope["Documents"](source.uri if isinstance(source, PropertyFile) else source)
    for part in _path(path.removeprefix("$")):
        try:
            found = _member(found, part)
        except LookupError:
            raise ExpressionError(f"ClientError: {source} has no {path}.") from None
    return found


def _join(operand: Any, scope: Scope) -> str:
    return str(operand["On"]).join(_text(evaluate(item, scope)) for item in operand["Values"])


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_FUNCTIONS: dict[str, Callable[[Any, Scope], Any]] = {"Get": _get, "Std:Join": _join, "Std:JsonGet": _json_get}

_PART = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(?:'([^']*)'|\"([^\"]*)\"|(\d+))\]")


def _path(text: str) -> list[str]:
    """Split ``Steps.Train.Outputs['a'][0]`` into its parts."""
    parts, position = [], 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise ExpressionError(f"{text!r} is not a reference: invalid at {text[position:]!r}.")
        parts.append(next(group for group in match.groups() if group is not None))
        position = match.end()
    return parts
