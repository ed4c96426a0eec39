"""Exports of stacks: names are unique in an account and region, and an export in use is neither changed nor removed.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import CloudFormationBackend, Stack

from localcloud.core.errors import LocalCloudError


class ExportRefused(LocalCloudError):
    """An update would take an export's name from another stack, or change an export in use."""


def publish(stack: Stack, backend: CloudFormationBackend) -> None:
    """Make a stack's exports available in place of those that it had before.

    Raises:
        ExportRefused: Another stack exports one of the names, or imports one that would change.
    """
    new = {export.name: export for export in stack.exports}
    old = {name: one for name, one in backend.exports.items() if one.exporting_stack_id == stack.stack_id}
    for name in new:
        owner = backend.exports.get(name)
        if owner is not None and owner.exporting_stack_id != stack.stack_id:
            exporter = owner.exporting_stack_id.split("/")[1]
            raise ExportRefused(f"Export with name {name} is already exported by stack {exporter}.")
    for name, export in old.items():
        if users := users_of(name, stack, backend):
            if name not in new:
                raise ExportRefused(f"Update canceled. Cannot delete export {name} as it is in use by {users}.")
            if new[name].value != export.value:
                raise ExportRefused(f"Update canceled. Cannot update export {name} as it is in use by {users}.")
    for name in old:
        del backend.exports[name]
    backend.exports.update(new)


def users_of(name: str, exporter: Stack, backend: CloudFormationBackend) -> str:
    """Return the names of the stacks that import an export, separated by commas."""
    stacks = [stack for stack in backend.stacks.values() if stack is not exporter]
    return ", ".join(stack.name for stack in stacks if _imports(stack, name))


def _imports(stack: Stack, name: str) -> bool:
    """Return whether a resource or an output of a stack imports a name, which may be put together by functions."""
    template = stack.template_dict
    used = [
        template["Resources"][logical_id] for logical_id in stack.resource_map if logical_id in template["Resources"]
    ]
    return any(
        str(parsing.clean_json(imported, stack.resource_map)) == name
        for imported in _imported([*used, template.get("Outputs", {})])
    )


def _imported(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        if "Fn::ImportValue" in value:
            yield value["Fn::ImportValue"]
        value = list(value.values())
    for item in value if isinstance(value, list) else []:
        yield from _imported(item)
