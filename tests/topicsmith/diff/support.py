"""Small stacks, compared in one batch, because loading the CDK's diff library takes longer than comparing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from topicsmith.diff.compare import compare
from topicsmith.diff.model.assembly import JsonObject, Stack
from topicsmith.diff.model.changes import Change
from topicsmith.diff.model.comparison import Sides

Resources = Mapping[str, JsonObject]


@dataclass(frozen=True)
class Case:
    """The old and new version of a stack.

    Attributes:
        old: Resources of the old version.
        new: Resources of the new version.
        old_rest: Other parts of the old template, and its entries in the manifest.
        new_rest: The same of the new version.
    """

    old: Resources
    new: Resources
    old_rest: Mapping[str, Any] = field(default_factory=dict)
    new_rest: Mapping[str, Any] = field(default_factory=dict)


def resource(kind: str, *, attributes: Mapping[str, Any] | None = None, **properties: Any) -> JsonObject:
    """Return a resource of a type; ``attributes`` are added next to its properties."""
    return {"Type": kind, "Properties": properties, **(attributes or {})}


def compare_all(cases: Mapping[str, Case]) -> dict[str, list[Change]]:
    """Return the changes of each case."""
    report = compare(
        Sides(
            before=[_stack(name, case.old, case.old_rest) for name, case in cases.items()],
            after=[_stack(name, case.new, case.new_rest) for name, case in cases.items()],
        )
    )
    return {name: [one.change for one in report.found if f"{name}-stack" in one.stacks] for name in cases}


def one_stack(resources: Resources, **rest: Any) -> Stack:
    """Return a stack of the environment ``dev``."""
    return _stack("dev", resources, rest)


_MANIFEST = ("account", "region", "protected", "parameters", "tags", "deployed_by")


def _stack(name: str, resources: Resources, rest: Mapping[str, Any]) -> Stack:
    template = {key: value for key, value in rest.items() if key not in _MANIFEST}
    said = {"account": None, "region": "eu-west-1", **{key: rest[key] for key in _MANIFEST if key in rest}}
    return Stack(
        name=f"{name}-stack", path=f"{name}/stack", template={"Resources": dict(resources), **template}, **said
    )
