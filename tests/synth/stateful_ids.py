"""Lock on the identity of stateful resources, whose contents cannot be recreated.

``make stateful-ids`` writes their ids to ``stateful-ids.json``, and ``test_stateful_ids.py`` compares them with it.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from topicsmith.diff.model.stateful import ANSWERS, HOLDS

LOCK = Path(__file__).with_name("stateful-ids.json")

_STAKES = {
    **{kind: f"and with it {held}" for kind, held in HOLDS.items()},
    **{kind: f"and meanwhile {outage}" for kind, outage in ANSWERS.items()},
    "AWS::SNS::Topic": "and with it its confirmed subscriptions",
}
"""The loss if a resource is replaced, by type."""

Resource = dict[str, Any]
"""A resource's type and its create-only properties, whose change replaces it."""
Stacks = dict[str, dict[str, Resource]]
"""Resources by the name of their stack and their logical id."""

_WAYS_OUT = """\
A deployment creates an empty resource instead and deletes or orphans the old one. Ways out:
- If a construct was moved or renamed, a stack renamed, or a property changed by accident: change it back. To keep only
  the logical id, call override_logical_id on the construct's CfnResource.
- If the new id is intended and the resource must stay: deploy the refactoring on its own, before any other change,
  with node_modules/.bin/cdk refactor --unstable=refactor "ENV/*". Bring orphaned resources back with cdk import.
- If the old resource may go, or was never deployed: run make stateful-ids and commit tests/synth/stateful-ids.json.
"""


def stateful_resources(assembly: Path) -> Stacks:
    """Return the stateful resources of all stacks of a cloud assembly."""
    return {name: dict(_of_template(template)) for name, template in sorted(_templates(assembly))}


def lost(locked: Stacks, found: Stacks) -> list[str]:
    """Return a line for each locked resource that would be replaced or deleted."""
    return [line for stack, resources in locked.items() for line in _lost(stack, resources, found.get(stack, {}))]


def explain(lines: list[str]) -> str:
    """Return the error message for resources that would be lost, with ways out."""
    return "\n".join(
        [
            "These resources hold data that cannot be recreated, and would be lost:",
            *lines,
            "",
            _WAYS_OUT,
        ]
    )


def dumps(stacks: Stacks) -> str:
    """Return the contents of the lock file."""
    return json.dumps(stacks, indent=2, sort_keys=True) + "\n"


def _templates(directory: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    artifacts = json.loads((directory / "manifest.json").read_text())["artifacts"].values()
    for artifact in artifacts:
        properties = artifact.get("properties", {})
        if artifact["type"] == "aws:cloudformation:stack":
            yield properties["stackName"], json.loads((directory / properties["templateFile"]).read_text())
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _templates(directory / properties["directoryName"])


def _of_template(template: Mapping[str, Any]) -> Iterator[tuple[str, Resource]]:
    for logical_id, resource in template["Resources"].items():
        type_ = resource["Type"]
        if type_ in _STAKES:
            properties = resource.get("Properties", {})
            yield logical_id, {"Type": type_, **{k: v for k, v in properties.items() if k in _create_only(type_)}}


def _create_only(type_: str) -> set[str]:
    """Return the create-only properties listed in AWS's schema of the type."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema
    pointers = [*schema.get("createOnlyProperties", []), *schema.get("conditionalCreateOnlyProperties", [])]
    return {pointer.split("/")[2] for pointer in pointers}


def _lost(stack: str, locked: dict[str, Resource], found: dict[str, Resource]) -> Iterator[str]:
    new = {logical_id: resource for logical_id, resource in found.items() if logical_id not in locked}
    for logical_id, resource in locked.items():
        now = found.get(logical_id)
        what = f"  {stack}: {resource['Type']} {logical_id}"
        stake = _STAKES[resource["Type"]]
        if now is None:
            alike = [other for other, one in new.items() if one["Type"] == resource["Type"]]
            yield f"{what} is gone, {stake}" + (f"; new resources of this type: {', '.join(alike)}" if alike else "")
        elif now != resource:
            changed = [key for key in sorted({*now, *resource}) if now.get(key) != resource.get(key)]
            yield f"{what} is replaced, {stake}: " + ", ".join(
                f"{k} {resource.get(k)!r} → {now.get(k)!r}" for k in changed
            )


if __name__ == "__main__":
    LOCK.write_text(dumps(stateful_resources(Path(sys.argv[1]))))
