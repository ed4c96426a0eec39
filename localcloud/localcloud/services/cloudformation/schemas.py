"""AWS's resource schemas: what they say of a type's properties, its identifier and its updates.

cfn-lint ships them. They are read from its data, one type at a time, because importing cfn-lint takes half a second.
See https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema import Draft7Validator, TypeChecker
from jsonschema.exceptions import ValidationError

_DEFAULT_REGION = "us-east-1"
_INTEGER = re.compile(r"[-+]?\d+")
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")


@dataclass(frozen=True)
class ResourceSchema:
    """The schema of a resource type."""

    document: Mapping[str, Any]

    def violations(self, properties: Mapping[str, Any]) -> list[str]:
        """Return what the properties violate, as CloudFormation words it."""
        return [line for error in _validator(self).iter_errors(properties) for line in _worded(error)]

    def replaced_by(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
        """Return the create-only properties that differ: changing one replaces the resource."""
        return [
            path
            for path in self.document.get("createOnlyProperties", [])
            if _values(old, _keys(path)) != _values(new, _keys(path))
        ]

    def identifier(self, properties: Mapping[str, Any]) -> str | None:
        """Return the identifier that the template gives the resource, or None if CloudFormation generates it."""
        parts = [_values(properties, _keys(path)) for path in self.document.get("primaryIdentifier", [])]
        if not parts or not all(parts):
            return None
        return "|".join(str(value) for values in parts for value in values)


def schema(resource_type: str, region: str) -> ResourceSchema | None:
    """Return the schema of a resource type, or None if AWS publishes none."""
    files = _files(region) or _files(_DEFAULT_REGION)
    name = files.get(resource_type) or _files(_DEFAULT_REGION).get(resource_type)
    return _read(name) if name else None


def _folder() -> Path:
    spec = find_spec("cfnlint")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data" / "schemas"


@cache
def _files(region: str) -> Mapping[str, str]:
    path = _folder() / "providers" / f"{region}.json"
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


@cache
def _read(name: str) -> ResourceSchema:
    document = json.loads((_folder() / "resources" / name).with_suffix(".json").read_text(encoding="utf-8"))
    return ResourceSchema(_Identity(document))


class _Identity(dict[str, Any]):
    """An object that is hashed by identity, so that a schema can be a key of a cache."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)


def _is_string(_: TypeChecker, value: Any) -> bool:
    return isinstance(value, str | bool | int | float)


def _is_boolean(_: TypeChecker, value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("true", "false"))


def _is_integer(_: TypeChecker, value: Any) -> bool:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    return whole or (isinstance(value, str) and _INTEGER.fullmatch(value) is not None)


def _is_number(_: TypeChecker, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number or (isinstance(value, str) and _NUMBER.fullmatch(value) is not None)


# CloudFormation converts between strings, numbers and booleans.
_TYPES = Draft7Validator.TYPE_CHECKER.redefine_many(
    {"string": _is_string, "boolean": _is_boolean, "integer": _is_integer, "number": _is_number}
)


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    try:
        found = re.search(pattern, _text(value)) if isinstance(value, str | int | float) else True
    except re.error:
        return  # Java's syntax, which Python lacks.
    if not found:
        yield ValidationError("pattern")


def _enum(_: Any, allowed: Sequence[Any], value: Any, __: Any) -> Iterator[ValidationError]:
    if _text(value) not in [_text(one) for one in allowed]:
        yield ValidationError("enum")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _converting(keyword: str, convert: Callable[[Any], Any]) -> Any:
    known = Draft7Validator.VALIDATORS[keyword]

    def check(validator: Any, wanted: Any, value: Any, of: Any) -> Any:
        return known(validator, wanted, convert(value), of)

    return check


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _length(value: Any) -> Any:
    return _text(value) if isinstance(value, bool | int | float) else value


_KEYWORDS = {
    "pattern": _pattern,
    "enum": _enum,
    **{
        keyword: _converting(keyword, _number)
        for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
    },
    **{keyword: _converting(keyword, _length) for keyword in ("minLength", "maxLength")},
}
_Validator = jsonschema.validators.extend(Draft7Validator, _KEYWORDS, type_checker=_TYPES)


@cache
def _validator(of: ResourceSchema) -> Any:
    return _Validator(of.document)


def _worded(error: ValidationError) -> Iterator[str]:
    place = "/".join(["#", *(str(part) for part in error.absolute_path)])
    if error.validator == "required":
        yield f"{place}: required key [{_quoted(error.message)}] not found"
    elif error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = error.schema.get("properties", {})
        patterns = error.schema.get("patternProperties", {})
        for key in error.instance:
            if key not in known and not any(re.search(pattern, key) for pattern in patterns):
                yield f"{place}: extraneous key [{key}] is not permitted"
    elif error.validator == "type":
        wanted = error.validator_value
        names = wanted if isinstance(wanted, str) else " or ".join(wanted)
        yield f"{place}: expected type: {names.title()}, found: {_TYPE_NAMES.get(type(error.instance), 'Null')}"
    else:
        yield f"{place}: failed validation constraint for keyword [{error.validator}]"


_TYPE_NAMES = {str: "String", bool: "Boolean", int: "Integer", float: "Double", dict: "JSONObject", list: "JSONArray"}


def _quoted(message: str) -> str:
    return message.split("'")[1] if "'" in message else message


def _keys(path: str) -> list[str]:
    return path.removeprefix("/properties/").split("/")


def _values(value: Any, keys: Sequence[str]) -> list[str]:
    """Return the values at a path as text, because CloudFormation converts scalars."""
    if not keys:
        return [json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else _text(value)]
    if keys[0] == "*":
        return [found for item in (value if isinstance(value, list) else []) for found in _values(item, keys[1:])]
    if not isinstance(value, Mapping) or keys[0] not in value:
        return []
    return _values(value[keys[0]], keys[1:])
