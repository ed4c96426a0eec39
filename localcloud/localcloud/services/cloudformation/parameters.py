"""Parameters and rules of templates, whose values CloudFormation checks before it touches a resource.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.ssm.models import ssm_backends

_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")


def keeps_value(parameter: Mapping[str, Any]) -> bool:
    """Return whether a parameter of a request keeps its value; the query protocol sends booleans as text."""
    return str(parameter.get("UsePreviousValue")).lower() == "true"


def values_of(given: Iterable[Mapping[str, Any]], previous: Mapping[str, Any]) -> dict[str, str]:
    """Return the values in a request's ``Parameters``.

    Args:
        given: The parameters of the request.
        previous: Values of the stack, for ``UsePreviousValue``.

    Raises:
        ValidationError: A parameter has no previous value.
    """
    values = {}
    for parameter in given:
        key = parameter["ParameterKey"]
        if not keeps_value(parameter):
            values[key] = str(parameter.get("ParameterValue", ""))
        elif key in previous:
            values[key] = str(previous[key])
        else:
            raise ValidationError(
                message=f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a "
                "parameter key not in the previous template"
            )
    return values


def require_values(template: Mapping[str, Any], given: Mapping[str, str], account: str, region: str) -> None:
    """Require that the values of a template's parameters satisfy their constraints and the template's rules.

    Args:
        template: The template.
        given: Values by parameter; others have their defaults.
        account: Account of the stack.
        region: Region of the stack.

    Raises:
        ValidationError: They do not.
    """
    declared = template.get("Parameters") or {}
    unknown = [key for key in given if key not in declared]
    if unknown:
        raise ValidationError(message=f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [key for key, one in declared.items() if key not in given and "Default" not in one]
    if missing:
        raise ValidationError(message=f"Parameters: [{', '.join(missing)}] must have values")
    values = {key: given.get(key, _text(one.get("Default"))) for key, one in declared.items()}
    for key, one in declared.items():
        _require_value(key, one, values[key])
    resolved = {key: _resolved(one, values[key], account, region) for key, one in declared.items()}
    for rule in (template.get("Rules") or {}).values():
        _require_rule(rule, resolved)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _require_value(key: str, declared: Mapping[str, Any], value: str) -> None:
    is_list = str(declared.get("Type")).startswith(("CommaDelimitedList", "List<"))
    members = [member.strip() for member in value.split(",")] if is_list else [value]
    problem = next((problem for member in members if (problem := _problem(declared, member))), None)
    if problem is None:
        return
    described = declared.get("ConstraintDescription")
    if described:
        raise ValidationError(message=f"Parameter {key} failed to satisfy constraint: {described}")
    raise ValidationError(message=f"Parameter '{key}' {problem}")


def _problem(declared: Mapping[str, Any], value: str) -> str | None:
    """Return what is wrong with a value, or with a member of a list."""
    allowed = declared.get("AllowedValues")
    if allowed is not None and value not in map(_text, allowed):
        return f"must be one of AllowedValues: {', '.join(map(_text, allowed))}"
    if declared.get("Type") in ("Number", "List<Number>"):
        return _problem_of_number(declared, value)
    pattern = declared.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(str(pattern), value):
        return f"must match pattern {pattern}"
    if len(value) < int(declared.get("MinLength", 0)):
        return f"must contain at least {declared['MinLength']} characters"
    if len(value) > int(declared.get("MaxLength", len(value))):
        return f"must contain at most {declared['MaxLength']} characters"
    return None


def _problem_of_number(declared: Mapping[str, Any], value: str) -> str | None:
    if not _NUMBER.fullmatch(value):
        return "must be a number."
    number = float(value)
    if number < float(declared.get("MinValue", number)):
        return f"must be a number not less than {declared['MinValue']}"
    if number > float(declared.get("MaxValue", number)):
        return f"must be a number not greater than {declared['MaxValue']}"
    return None


def _resolved(declared: Mapping[str, Any], value: str, account: str, region: str) -> str:
    """Return a parameter's value, which for some types is that of a parameter of Systems Manager."""
    if not str(declared.get("Type")).startswith("AWS::SSM::Parameter::Value"):
        return value
    found = ssm_backends[account][region].get_parameters([value])
    if not found:
        raise ValidationError(message=f"Unable to fetch parameters [{value}] from parameter store for this account.")
    return str(found[value].value)


def _require_rule(rule: Mapping[str, Any], values: Mapping[str, str]) -> None:
    if "RuleCondition" in rule and not _evaluate(rule["RuleCondition"], values):
        return
    for assertion in rule.get("Assertions", []):
        if not _evaluate(assertion["Assert"], values):
            described = assertion.get("AssertDescription", "")
            raise ValidationError(message=f"Template constraint violated: {described}".rstrip(": "))


def _evaluate(expression: Any, values: Mapping[str, str]) -> Any:
    """Return the value of a rule's function, or of a literal."""
    if isinstance(expression, list):
        return [_evaluate(item, values) for item in expression]
    if not isinstance(expression, dict):
        return _text(expression)
    ((name, arguments),) = expression.items()
    if name == "Ref":
        return values[arguments]
    if name not in _FUNCTIONS:
        raise ValidationError(message=f"Template format error: the local cloud has no {name} in rules.")
    return _FUNCTIONS[name](_evaluate(arguments, values))


_FUNCTIONS: Mapping[str, Callable[[list[Any]], bool]] = {
    "Fn::And": all,
    "Fn::Or": any,
    "Fn::Not": lambda arguments: not arguments[0],
    "Fn::Equals": lambda arguments: bool(arguments[0] == arguments[1]),
    "Fn::Contains": lambda arguments: arguments[1] in arguments[0],
    "Fn::EachMemberIn": lambda arguments: set(arguments[0]) <= set(arguments[1]),
    "Fn::EachMemberEquals": lambda arguments: all(member == arguments[1] for member in arguments[0]),
}
