"""Checks of the names that resources of several environments would share."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails

from stacks.config.sections.base import Conflicts, conflict, refuse
from stacks.config.sections.environment import EnvironmentFields
from stacks.config.sections.variants import OF_UPDATES


def name_conflicts(environments: Mapping[str, EnvironmentFields]) -> dict[str, Sequence[ErrorDetails]]:
    """Return the conflicts of each environment, as pydantic's error details.

    An alarm's name begins with those of environment and variant, and CloudFormation creates none whose name is taken.

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
    here = environments[name]
    beside = {other for other, config in environments.items() if other != name and _may_meet(here, config)}
    taken = "alarms of both would have the same names"
    if (other := name.removesuffix(OF_UPDATES)) in beside:
        reason = f"{taken}, as those of environment {other} that watch updates have this name, too"
        yield InitErrorDetails(type=refuse(reason, "another name of the file"), loc=(), input=name)
    for index, variant in enumerate(here.serving.variants):
        if f"{name}-{variant.name}" in beside:
            reason = f"{taken} as in environment {name}-{variant.name}"
            yield conflict(f"serving.variants.{index}.name", variant.name, reason, "another name")


def _may_meet(one: EnvironmentFields, other: EnvironmentFields) -> bool:
    """Return whether two environments may be in the same account and region."""
    accounts = {one.account, other.account} - {None}
    return one.region == other.region and len(accounts) < 2
