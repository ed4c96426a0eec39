"""Steps of a pipeline definition, including branches, and their dependencies."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from localcloud.core.errors import LocalCloudError
from localcloud.services.sagemaker.pipelines.cache import CacheError, expiry_of
from localcloud.services.sagemaker.pipelines.expressions import referenced_steps
from localcloud.services.sagemaker.pipelines.retries import RetryPolicyError, check_policies

Definition = Mapping[str, Any]

_LONGEST_NAME = 64
_STEP_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{_LONGEST_NAME}}}")
_BRANCHES = {"IfSteps": True, "ElseSteps": False}


class DefinitionError(LocalCloudError):
    """The steps of a pipeline definition are inconsistent."""


@dataclass(frozen=True)
class Branch:
    """Branch of a step: the outcome of a Condition step that lets it run."""

    condition: str
    outcome: bool


@dataclass(frozen=True)
class PlannedStep:
    """A step of a definition.

    Attributes:
        definition: The step's definition.
        branch: Its branch; None for a step outside of branches.
        waits: Names of the steps that must end first, including its Condition step.
    """

    definition: Definition
    branch: Branch | None
    waits: frozenset[str]

    @property
    def name(self) -> str:
        """Unique name of the step."""
        return str(self.definition["Name"])

    @property
    def arguments(self) -> Any:
        """Arguments to evaluate before the step runs; for a Condition step only its conditions."""
        arguments = self.definition.get("Arguments", {})
        return {"Conditions": arguments["Conditions"]} if self.definition["Type"] == "Condition" else arguments


def plan(steps: Sequence[Definition]) -> dict[str, PlannedStep]:
    """Return the steps of a definition by name.

    Raises:
        DefinitionError: A name is used twice or invalid, a step waits for a missing step, for a Fail step, or in a
            cycle for itself, or its caching or retry policies are invalid.
    """
    planned = list(_flattened(steps, None))
    names = [step.name for step in planned]
    if len(set(names)) < len(names):
        raise DefinitionError(f"Step names must be unique; they are {', '.join(names)}.")
    for name in names:
        if not _STEP_NAME.fullmatch(name):
            raise DefinitionError(
                f"Step name {name!r} must have 1 to {_LONGEST_NAME} letters, digits, hyphens and underscores."
            )
    ends = {step.name for step in planned if step.definition["Type"] == "Fail"}
    for step in planned:
        if unknown := step.waits - set(names):
            raise DefinitionError(f"Step {step.name!r} refers to {', '.join(sorted(unknown))}, which is not a step.")
        if step.waits & ends:
            raise DefinitionError(f"{step.name} can not depends on {', '.join(sorted(step.waits & ends))}")
        try:
            expiry_of(step.definition)
            check_policies(step.definition)
        except (CacheError, RetryPolicyError) as error:
            raise DefinitionError(f"Step {step.name!r}: {error}") from error
    try:
        TopologicalSorter({step.name: step.waits for step in planned}).prepare()
    except CycleError as error:
        raise DefinitionError(f"Steps wait for each other: {' → '.join(error.args[1])}.") from None
    return {step.name: step for step in planned}


def _flattened(steps: Sequence[Definition], branch: Branch | None) -> Iterator[PlannedStep]:
    for definition in steps:
        arguments = definition.get("Arguments")
        nested = definition["Type"] == "Condition"
        # References within the branches do not delay the Condition step.
        own = {**definition, "Arguments": {"Conditions": _conditions(definition)}} if nested else definition
        waits = {*definition.get("DependsOn", []), *referenced_steps(own)} | ({branch.condition} if branch else set())
        yield PlannedStep(definition, branch, frozenset(waits))
        if nested and isinstance(arguments, Mapping):
            for member, outcome in _BRANCHES.items():
                yield from _flattened(arguments.get(member) or [], Branch(definition["Name"], outcome))


def _conditions(definition: Definition) -> Any:
    arguments = definition.get("Arguments")
    conditions = arguments.get("Conditions") if isinstance(arguments, Mapping) else None
    if not conditions:
        raise DefinitionError(f"Step {definition['Name']!r} has no Conditions.")
    return conditions
