"""The names that a template gives to what CloudFormation makes: of each, there can be one at a time."""

from collections.abc import Mapping
from typing import Any

# Their names are unique within another resource only.
_OF_ANOTHER = {"AWS::IAM::Policy", "AWS::ApplicationAutoScaling::ScalingPolicy"}
_PLAIN = {"AWS::Events::Rule", "AWS::SecretsManager::Secret", "AWS::Scheduler::Schedule", "AWS::SSM::Parameter"}


def physical_name(kind: str, properties: Mapping[str, Any]) -> str | None:
    """Return the name that a resource of a type gets by the template's will; None where AWS makes one."""
    if kind in _OF_ANOTHER:
        return None
    name = properties.get("Name" if kind in _PLAIN else f"{kind.split('::')[-1]}Name")
    return name if isinstance(name, str) else None


def kept_name(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Return the name that a resource has before and afterwards; None where it has none or another one."""
    name = physical_name(kind, before)
    return name if name == physical_name(kind, after) else None
