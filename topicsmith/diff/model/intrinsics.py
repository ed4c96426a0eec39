"""Conversion of CloudFormation's intrinsic functions to text that can be compared and read.

A reference becomes ``${LogicalId.Attribute}``, one to another stack ``${stack-name:LogicalId.Attribute}``. Equivalent
notations (``Fn::Join`` and ``Fn::Sub``, a literal region and ``AWS::Region``) give the same text.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from topicsmith.diff.model.assembly import JsonObject, Stack

_PLACEHOLDER = re.compile(r"\$\{([^!${}][^${}]*)\}")
_REFERENCE = re.compile(r"\$\{(?:(?P<stack>[\w-]+):(?!:))?(?P<id>[A-Za-z0-9]+)(?=[.}])")
_PARTITIONS = {"cn-": ("aws-cn", "amazonaws.com.cn"), "us-gov-": ("aws-us-gov", "amazonaws.com")}


class Reader:
    """Reader of the templates of stacks that refer to each other.

    Args:
        stacks: Stacks of one side of the comparison.
    """

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self._outputs = {
            (stack.name, name): (stack, output.get("Value"))
            for stack in stacks
            for name, output in stack.template.get("Outputs", {}).items()
        }
        self._exports = {
            output["Export"]["Name"]: (stack, output.get("Value"))
            for stack in stacks
            for output in stack.template.get("Outputs", {}).values()
            if isinstance(output.get("Export", {}).get("Name"), str)
        }

    def read(self, stack: Stack) -> JsonObject:
        """Return the stack's template with intrinsic functions resolved to text where possible."""
        template = self._read(stack, stack.template)
        assert isinstance(template, dict)
        return template

    def _read(self, stack: Stack, value: Any) -> Any:
        match value:
            case {"Ref": str(name)} if len(value) == 1:
                return _pseudo_parameters(stack).get(name, f"${{{name}}}")
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return f"${{{name}.{attribute}}}"
            case {"Fn::GetAtt": str(path)}:
                return f"${{{path}}}"
            case {"Fn::Sub": str(text)}:
                return self._substitute(stack, text, {})
            case {"Fn::Sub": [str(text), dict(values)]}:
                return self._substitute(stack, text, values)
            case {"Fn::Join": [str(separator), list(parts)]}:
                return self._join(stack, separator, parts)
            case {"Fn::GetStackOutput": {"StackName": str(producer), "OutputName": str(name), **rest}}:
                region = rest.get("Region", stack.region)
                found = self._outputs.get((producer, name)) if region == stack.region else None
                return self._foreign(stack, found, f"{producer}:{name}" if found else f"{producer} in {region}:{name}")
            case {"Fn::ImportValue": name}:
                exported = self._read(stack, name)
                return self._foreign(stack, self._exports.get(str(exported)), f"import {exported}")
            case dict():
                return {key: self._read(stack, item) for key, item in value.items()}
            case list():
                return [self._read(stack, item) for item in value]
            case _:
                return value

    def _substitute(self, stack: Stack, text: str, values: Mapping[str, Any]) -> str:
        known = _pseudo_parameters(stack) | {name: str(self._read(stack, item)) for name, item in values.items()}
        return _PLACEHOLDER.sub(lambda match: known.get(match[1], match[0]), text)

    def _join(self, stack: Stack, separator: str, parts: Sequence[Any]) -> Any:
        read = [self._read(stack, part) for part in parts]
        if all(isinstance(part, (str, int, float)) for part in read):
            return separator.join(str(part) for part in read)
        return {"Fn::Join": [separator, read]}

    def _foreign(self, reader: Stack, found: tuple[Stack, Any] | None, name: str) -> Any:
        """Return the value of another stack's output, with references to the owner's resources."""
        if found is None:
            return f"${{{name}}}"
        owner, value = found
        text = self._read(owner, value)
        if not isinstance(text, str) or owner.name == reader.name:
            return text
        return _REFERENCE.sub(lambda match: f"${{{match['stack'] or owner.name}:{match['id']}", text)


def renamed(value: Any, ids: Mapping[tuple[str, str], tuple[str, str]], stack: str) -> Any:
    """Return a value read by ``Reader`` with other logical ids in its references.

    Args:
        value: Value in the template.
        ids: New stack and logical id by old stack and logical id.
        stack: Name of the stack that contains the value.
    """
    match value:
        case str():
            return _REFERENCE.sub(lambda match: _renamed_reference(match, ids, stack), value)
        case dict():
            return {key: renamed(item, ids, stack) for key, item in value.items()}
        case list():
            return [renamed(item, ids, stack) for item in value]
        case _:
            return value


def _renamed_reference(match: re.Match[str], ids: Mapping[tuple[str, str], tuple[str, str]], stack: str) -> str:
    owner, name = ids.get((match["stack"] or stack, match["id"]), (match["stack"] or stack, match["id"]))
    return f"${{{name}" if owner == stack else f"${{{owner}:{name}"


def _pseudo_parameters(stack: Stack) -> dict[str, str]:
    """Return the pseudo parameters that are known before the deployment."""
    values = {"AWS::StackName": stack.name}
    if stack.account:
        values["AWS::AccountId"] = stack.account
    if stack.region:
        partition, suffix = next(
            (names for prefix, names in _PARTITIONS.items() if stack.region.startswith(prefix)),
            ("aws", "amazonaws.com"),
        )
        values |= {"AWS::Region": stack.region, "AWS::Partition": partition, "AWS::URLSuffix": suffix}
    return values
