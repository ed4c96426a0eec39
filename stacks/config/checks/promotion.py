"""What the files of the environments say against each other: between which models cannot be promoted, and why."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stacks.config.sections.base import Conflicts, conflict
from stacks.config.sections.environment import EnvironmentFields

# CloudFormation makes the name of the data bucket of the stack's name and the resource's, and shortens them to 63
# characters; the policies name the bucket by its stack.
_LONGEST_PINNED_NAME = 15


def promotion_conflicts(environments: Mapping[str, EnvironmentFields]) -> dict[str, Sequence[ErrorDetails]]:
    """Return what is wrong, as pydantic says it, by the environment whose file says it.

    Args:
        environments: all of them by name; nothing is wrong with any of them alone.
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
        reason = "an environment is not promoted to itself" if promotion.source == name else "no such environment"
        allowed = ", ".join(others) or "null: there is no other environment"
        yield conflict("promotion.from", promotion.source, reason, allowed)
        return
    circle = list(_circle(name, environments))
    if circle:
        reason = f"models would go round in a circle, {' ← '.join(circle)}"
        yield conflict("promotion.from", promotion.source, reason, "an environment that gets none of this one's models")
    yield from _places(name, promotion.source, environments)
    if promotion.method == "pin":
        yield from _pinned(name, promotion.source, environments)


def _circle(name: str, environments: Mapping[str, EnvironmentFields]) -> Iterator[str]:
    """Yield the way back to the environment, or nothing where there is none."""
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
        reason = f"it is in {there.region}, and an endpoint serves models and images of its own region, {here.region}"
        yield conflict("promotion.from", source, reason, f"an environment in {here.region}")
    if (here.account is None) != (there.account is None):
        has, lacks = (name, source) if here.account else (source, name)
        reason = f"{has}.yaml names an account and {lacks}.yaml does not, so that nobody knows whether it is the same"
        yield conflict("promotion.from", source, reason, "account in both files, or in neither")


def _pinned(name: str, source: str, environments: Mapping[str, EnvironmentFields]) -> Conflicts:
    if len(source) > _LONGEST_PINNED_NAME:
        reason = "its name is too long for policies that name its bucket, of which CloudFormation shortens the name"
        allowed = f"an environment whose name has at most {_LONGEST_PINNED_NAME} characters, or method: register"
        yield conflict("promotion.from", source, reason, allowed)
    if environments[name].production and environments[source].data.removal == "destroy":
        reason = f"in production, what is served would be deleted with the stacks of {source}, where it lies"
        allowed = f"register, or data.removal: retain in {source}.yaml, or production: false"
        yield conflict("promotion.method", "pin", reason, allowed)
