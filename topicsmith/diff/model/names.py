"""Physical names set by a template, which no two resources can have at the same time."""

from collections.abc import Mapping
from typing import Any

# Their names are unique only within another resource.
_OF_ANOTHER = {"AWS::IAM::Policy", "AWS::ApplicationAutoScaling::ScalingPolicy"}
_PLAIN = {"AWS::Events::Rule", "AWS::SecretsManager::Secret", "AWS::Scheduler::Schedule", "AWS::SSM::Parameter"}

_BUDGET = "AWS::Budgets::Budget"


def physical_name(kind: str, properties: Mapping[str, Any]) -> str | None:
    """Return the physical name that the template sets, or None if AWS generates it."""
    if kind in _OF_ANOTHER:
        return None
    if kind == _BUDGET:
        properties = properties.get("Budget", {})
    name = properties.get("Name" if kind in _PLAIN else f"{kind.split('::')[-1]}Name")
    return name if isinstance(name, str) else None


def kept_name(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Return the physical name if both sides set the same one, or None."""
    name = physical_name(kind, before)
    return name if name == physical_name(kind, after) else None
