"""Which resources hold what cannot be made again, and what identifies them to CloudFormation.

``make stateful-ids`` writes them to ``stateful-ids.json`` beside this module, which ``test_stateful_ids.py`` guards.
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
    "AWS::SNS::Topic": "and with it the consent of those whom it tells",
}
"""What is lost with a resource, by type."""

Resource = dict[str, Any]
"""A type, and those properties that CloudFormation cannot change without making another resource."""
Stacks = dict[str, dict[str, Resource]]
"""Resources by the name of their stack and their logical id."""

_WAYS_OUT = """\
A deployment makes an empty resource in the place of each, and deletes the old one or leaves it behind. Ways out:
- A construct has another id or place, a stack another name, or a property another value: give it back. The logical id
  alone can be kept in the construct, with override_logical_id of its CfnResource.
- The new id is meant and the resource is to stay: deploy the refactoring alone, before any other change, with
  node_modules/.bin/cdk refactor --unstable=refactor "ENV/*"; what its stack has let go of comes back with cdk import.
- The old resource is to go, or was never deployed: make stateful-ids, and commit tests/synth/stateful-ids.json.
"""


def stateful_resources(assembly: Path) -> Stacks:
    """Return what a cloud assembly has, in all of its stacks."""
    return {name: dict(_of_template(template)) for name, template in sorted(_templates(assembly))}


def lost(locked: Stacks, found: Stacks) -> list[str]:
    """Return, a line each, which of the locked resources would not be the same any more."""
    return [line for stack, resources in locked.items() for line in _lost(stack, resources, found.get(stack, {}))]


def explain(lines: list[str]) -> str:
    """Return what a reader has to know of the resources that would be lost."""
    return "\n".join(
        ["These hold what cannot be made again, and would not be the same any more:", *lines, "", _WAYS_OUT]
    )


def dumps(stacks: Stacks) -> str:
    """Return the text of the lock file."""
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
    """Return the properties that cannot be changed, as AWS's own schema of the type lists them."""
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
            yield f"{what} is gone, {stake}" + (f"; new of its type: {', '.join(alike)}" if alike else "")
        elif now != resource:
            changed = [key for key in sorted({*now, *resource}) if now.get(key) != resource.get(key)]
            yield f"{what} is replaced, {stake}: " + ", ".join(
                f"{k} {resource.get(k)!r} → {now.get(k)!r}" for k in changed
            )


if __name__ == "__main__":
    LOCK.write_text(dumps(stateful_resources(Path(sys.argv[1]))))
