"""Checks of promotion between environments."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stacks.config.sections.base import Conflicts, conflict
from stacks.config.sections.environment import EnvironmentFields

# CloudFormation builds the data bucket's name from the stack's and the resource's, truncated to 63 characters; policies
# match the bucket by the stack's name.
_LONGEST_PINNED_NAME = 15


def promotion_conflicts(environments: Mapping[str, EnvironmentFields]) -> dict[str, Sequence[ErrorDetails]]:
    """Return the conflicts, as pydantic's error details, by environment.

    Args:
        environments: All environments by name, each valid on its own.
    """
    found = {name: list(_conflicts(name, environments)) for name in environments}
    return {
        name: ValidationError.from_exception_data(EnvironmentFields.__name__, conflicts).errors()
        for name, conflicts in found.items()
        if conflicts
    }


def _conflicts(name: str, environments: Mapping[str, EnvironmentFields]) -> Conflicts:
    promotion = environments[name].promotion
    if promotion.source is None:
        return
    others = [other for other in environments if other != name]
    if promotion.source not in others:
        reason = "an environment cannot promote to itself" if promotion.source == name else "unknown environment"
        allowed = ", ".join(others) or "null, since there is no other environment"
        yield conflict("promotion.from", promotion.source, reason, allowed)
        return
    cycle = list(_cycle(name, environments))
    if cycle:
        reason = f"promotions form a cycle, {' ← '.join(cycle)}"
        yield conflict("promotion.from", promotion.source, reason, "an environment that this one does not promote to")
    yield from _places(name, promotion.source, environments)
    if promotion.method == "pin":
        yield from _pinned(name, promotion.source, environments)


def _cycle(name: str, environments: Mapping[str, EnvironmentFields]) -> Iterator[str]:
    """Yield the path back to the environment, if there is one."""
    way = [name]
    while (source := environments[way[-1]].promotion.source) and source in environments:
        if source in way:
            if source == name:
                yield from (*way, name)
            return
        way.append(source)


def _places(name: str, source: str, environments: Mapping[str, EnvironmentFields]) -> Conflicts:
    here, there = environments[name], environments[source]
    if here.region != there.region:
        reason = f"it is in {there.region}, but an endpoint needs models and images in its own region, {here.region}"
        yield conflict("promotion.from", source, reason, f"an environment in {here.region}")
    if (here.account is None) != (there.account is None):
        has, lacks = (name, source) if here.account else (source, name)
        reason = f"{has}.yaml names an account and {lacks}.yaml does not, so they cannot be compared"
        yield conflict("promotion.from", source, reason, "account in both files, or in neither")


def _pinned(name: str, source: str, environments: Mapping[str, EnvironmentFields]) -> Conflicts:
    if len(source) > _LONGEST_PINNED_NAME:
        reason = "its name is too long: CloudFormation would truncate the bucket name that policies match"
        allowed = f"an environment whose name has at most {_LONGEST_PINNED_NAME} characters, or method: register"
        yield conflict("promotion.from", source, reason, allowed)
    if environments[name].production and environments[source].data.removal == "destroy":
        reason = f"in production, the served model would be deleted together with the stacks of {source}"
        allowed = f"register, or data.removal: retain in {source}.yaml, or production: false"
        yield conflict("promotion.method", "pin", reason, allowed)
