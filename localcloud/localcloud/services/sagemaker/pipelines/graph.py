"""The steps of a pipeline definition, those of its branches too, and what each waits for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from localcloud.core.errors import LocalCloudError
from localcloud.services.sagemaker.pipelines.cache import CacheError, expiry_of
from localcloud.services.sagemaker.pipelines.expressions import referenced_steps

Definition = Mapping[str, Any]

_BRANCHES = {"IfSteps": True, "ElseSteps": False}


class DefinitionError(LocalCloudError):
    """The steps of a pipeline definition do not fit together."""


@dataclass(frozen=True)
class Branch:
    """What decides whether a step runs: the outcome of a Condition step."""

    condition: str
    outcome: bool


@dataclass(frozen=True)
class PlannedStep:
    """A step of a definition.

    Attributes:
        definition: as the pipeline has it.
        branch: the branch that it is in; none for a step that every execution reaches.
        waits: the names of the steps that must have ended before it, its Condition step among them.
    """

    definition: Definition
    branch: Branch | None
    waits: frozenset[str]

    @property
    def name(self) -> str:
        """Its name, unique in the pipeline."""
        return str(self.definition["Name"])

    @property
    def arguments(self) -> Any:
        """What is to be evaluated before it runs: of a Condition step its conditions and not its branches."""
        arguments = self.definition.get("Arguments", {})
        return {"Conditions": arguments["Conditions"]} if self.definition["Type"] == "Condition" else arguments


def plan(steps: Sequence[Definition]) -> dict[str, PlannedStep]:
    """Return the steps of a definition by their names.

    Raises:
        DefinitionError: a name is used twice, or a step waits for one that does not exist, for one that ends the
            execution, or for itself.
    """
    planned = list(_flattened(steps, None))
    names = [step.name for step in planned]
    if len(set(names)) < len(names):
        raise DefinitionError(f"Step names must be unique; they are {', '.join(names)}.")
    ends = {step.name for step in planned if step.definition["Type"] == "Fail"}
    for step in planned:
        if unknown := step.waits - set(names):
            raise DefinitionError(f"Step {step.name!r} refers to {', '.join(sorted(unknown))}, which is not a step.")
        if step.waits & ends:
            raise DefinitionError(f"Step {step.name!r} waits for {', '.join(step.waits & ends)}, which is a Fail step.")
        try:
            expiry_of(step.definition)
        except CacheError as error:
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
        # What the branches refer to is theirs to wait for.
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
