"""Conditions of a template, evaluated as far as possible before the deployment."""

from collections.abc import Mapping
from typing import Any

from topicsmith.diff.model.assembly import JsonObject, Stack


def holds(name: str, old: Stack, new: Stack) -> bool | None:
    """Return the value of a condition of ``new``, or None if it depends on an unknown value.

    A parameter of the deployed stack keeps its deployed value; a new parameter gets its default.
    """
    before, after = old.template.get("Parameters", {}), new.template.get("Parameters", {})
    known = {
        key: parameter["Default"] for key, parameter in after.items() if key not in before and "Default" in parameter
    }
    known |= {key: value for key, value in old.parameters.items() if key in after}
    return _evaluate(new.template.get("Conditions", {}).get(name), new.template, known)


def _evaluate(expression: Any, template: JsonObject, known: Mapping[str, Any]) -> bool | None:
    match expression:
        case {"Fn::Equals": [one, two]}:
            values = [_value(side, known) for side in (one, two)]
            return None if None in values else values[0] == values[1]
        case {"Fn::Not": [inner]}:
            value = _evaluate(inner, template, known)
            return None if value is None else not value
        case {"Fn::And": list(inner)}:
            return _all([_evaluate(one, template, known) for one in inner])
        case {"Fn::Or": list(inner)}:
            value = _all([_negated(_evaluate(one, template, known)) for one in inner])
            return _negated(value)
        case {"Condition": str(name)}:
            return _evaluate(template.get("Conditions", {}).get(name), template, known)
        case _:
            return None


def _all(values: list[bool | None]) -> bool | None:
    if False in values:
        return False
    return None if None in values else True


def _negated(value: bool | None) -> bool | None:
    return None if value is None else not value


def _value(side: Any, known: Mapping[str, Any]) -> str | None:
    match side:
        case {"Ref": str(name)}:
            return str(known[name]) if name in known else None
        case str() | int() | bool():
            return str(side)
        case _:
            return None
