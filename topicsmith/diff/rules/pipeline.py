"""Changes of a pipeline definition: the gate first, then the other steps, argument by argument.

https://aws-sagemaker-mlops.github.io/sagemaker-model-building-pipeline-definition-JSON-schema/
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from topicsmith.diff.model.assembly import JsonObject
from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.pairs import Resource, StackPair
from topicsmith.diff.model.values import (
    MISSING,
    Difference,
    canonical,
    differences,
    hashes,
    parsed,
    shown,
    without_hashes,
)
from topicsmith.diff.rules.properties import Verdict, judge

TYPE = "AWS::SageMaker::Pipeline"
DEFINITION = "PipelineDefinition"
"""Property that this rule covers."""

_BRANCHES = ("IfSteps", "ElseSteps")
_REGISTERS = "RegisterModel"
_APPROVAL = ("Arguments", "ModelApprovalStatus")
_SIGNS = {
    "GreaterThanOrEqualTo": "≥",
    "GreaterThan": ">",
    "LessThanOrEqualTo": "≤",
    "LessThan": "<",
    "Equals": "=",
}
_ALIKE = 0.5
_OFTEN = 3


@dataclass(frozen=True)
class Step:
    """Step of a pipeline's definition.

    Attributes:
        name: Name of the step.
        kind: Type of the step.
        branch: Condition and branch that contain it; empty if it always runs.
        body: Other members of the definition, without the steps of its branches.
    """

    name: str
    kind: str
    branch: str
    body: JsonObject


def find(pair: StackPair) -> Iterator[Change]:
    """Yield the changes of a stack's pipelines."""
    for resource in pair.resources:
        if resource.type == TYPE and resource.old and resource.new:
            yield from _changes(resource)


def steps(resource_properties: Mapping[str, Any]) -> list[Step]:
    """Return all steps of a pipeline, each condition followed by the steps of its branches."""
    return list(_flat(_definition(resource_properties).get("Steps", []), ""))


def new_code(resource: Resource) -> list[str]:
    """Return the names of the steps whose asset hashes changed."""
    old = {step.name: hashes(step.body) for step in steps(resource.before())}
    return [step.name for step in steps(resource.after()) if step.name in old and old[step.name] != hashes(step.body)]


def tag_differences(resource: Resource) -> list[Difference]:
    """Return the differences between the tags of jobs."""
    old, new, _ = _both(resource)
    return [one for _, one in _step_differences(old, new) if "Tags" in one.path]


def _changes(resource: Resource) -> Iterator[Change]:
    old, new, names = _both(resource)
    yield from _gate(resource, old, new)
    yield from _registration(resource, old, new)
    yield from _structure(resource, old, new, names)
    yield from _arguments(resource, old, new)
    rest = differences(_without_steps(resource.before()), _without_steps(resource.after()))
    if rest:
        yield _change(resource, "definition", "the defaults of a run change", tuple(map(str, rest)), 22)


def _both(resource: Resource) -> tuple[list[Step], list[Step], Mapping[str, str]]:
    """Return the steps of both sides, the old ones under their new names, and a mapping of old to new names."""
    old, new = steps(resource.before()), steps(resource.after())
    names = _renames(old, new)
    if names:
        text = canonical(_definition(resource.before()))
        for before, after in names.items():
            text = text.replace(f"Steps.{before}.", f"Steps.{after}.").replace(
                f'"Name": "{before}"', f'"Name": "{after}"'
            )
        old = list(_flat(parsed(text).get("Steps", []), ""))
    return old, new, names


def _renames(old: Sequence[Step], new: Sequence[Step]) -> Mapping[str, str]:
    before, after = ({step.name for step in side} for side in (old, new))
    found: dict[str, str] = {}
    for one in (step for step in old if step.name not in after):
        alike = [
            (_likeness(one, other), other.name)
            for other in new
            if other.kind == one.kind and other.name not in before and other.name not in found.values()
        ]
        if alike and max(alike)[0] >= _ALIKE:
            found[one.name] = max(alike)[1]
    return found


def _likeness(one: Step, other: Step) -> float:
    before, after = (
        {canonical((leaf.path, leaf.new)) for leaf in Difference((), MISSING, step.body).leaves()}
        for step in (one, other)
    )
    return len(before & after) / len(before | after) if before | after else 1.0


def _definition(properties: Mapping[str, Any]) -> JsonObject:
    body = parsed(properties.get(DEFINITION, {}).get("PipelineDefinitionBody"))
    return body if isinstance(body, dict) else {}


def _without_steps(properties: Mapping[str, Any]) -> JsonObject:
    return {key: item for key, item in _definition(properties).items() if key != "Steps"}


def _flat(items: Sequence[JsonObject], branch: str) -> Iterator[Step]:
    for item in items:
        arguments = item.get("Arguments", {})
        is_condition = item.get("Type") == "Condition"
        body = {key: value for key, value in item.items() if key not in ("Name", "Type")}
        if is_condition:
            body["Arguments"] = {key: value for key, value in arguments.items() if key not in _BRANCHES}
        yield Step(item["Name"], item.get("Type", ""), branch, body)
        if is_condition:
            for side in _BRANCHES:
                yield from _flat(arguments.get(side, []), f"{item['Name']}: {side}")


def _gate(resource: Resource, old: Sequence[Step], new: Sequence[Step]) -> Iterator[Change]:
    before, after = ({step.name: step for step in side if step.kind == "Condition"} for side in (old, new))
    for name in [name for name in after if name in before]:
        one, two = (_conditions(side[name]) for side in (before, after))
        lines = [
            f"{key} {shown(one.get(key, MISSING))} → {shown(two.get(key, MISSING))}{_direction(key, one, two)}"
            for key in {**one, **two}
            if one.get(key) != two.get(key)
        ]
        if lines:
            yield _change(resource, "gate", f"{name} decides differently", tuple(lines), 0)


def _registration(resource: Resource, old: Sequence[Step], new: Sequence[Step]) -> Iterator[Change]:
    """Yield the changes that bypass the gate or the manual approval."""
    before = {step.name: step for step in old}
    for step in new:
        if step.kind == _REGISTERS and step.name in before and _is_released(before[step.name], step):
            gate, _, _ = before[step.name].branch.partition(": ")
            yield _change(
                resource,
                "gate",
                f"{step.name} no longer depends on {gate}: every model is registered",
                (_moved(before[step.name], step),),
                0,
            )
    for step, one in _step_differences(old, new):
        if _approves(step, one):
            what = f"{step.name} approves every model automatically: models are served without a review"
            yield _change(resource, "gate", what, (str(Difference(one.path[1:], one.old, one.new)),), 0)


def _is_released(before: Step, after: Step) -> bool:
    return after.kind == _REGISTERS and bool(before.branch) and not after.branch


def _approves(step: Step, difference: Difference) -> bool:
    return step.kind == _REGISTERS and difference.path == _APPROVAL and difference.new == "Approved"


def _conditions(step: Step) -> Mapping[str, Any]:
    """Return the right-hand side of each condition, keyed by left-hand side and operator."""
    found: dict[str, Any] = {}
    for condition in step.body.get("Arguments", {}).get("Conditions", []):
        kind = condition.get("Type", "")
        key = f"{_operand(condition.get('LeftValue'))} {_SIGNS.get(kind, kind)}"
        rest = {name: value for name, value in condition.items() if name not in ("Type", "LeftValue")}
        found[key] = rest["RightValue"] if rest.keys() == {"RightValue"} else rest
    return found


def _operand(value: Any) -> str:
    match value:
        case {"Std:JsonGet": {"Path": str(path)}}:
            return path
        case {"Get": str(path)}:
            return path
        case _:
            return shown(value)


def _direction(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return a note on whether a change of a condition makes the gate easier or harder to pass."""
    if key not in new:
        return " (easier to pass)"
    if key not in old:
        return " (harder to pass)"
    before, after = old[key], new[key]
    if not all(isinstance(side, (int, float)) for side in (before, after)) or key[-1] not in "≥>≤<":
        return ""
    return " (easier to pass)" if (after < before) is (key[-1] in "≥>") else " (harder to pass)"


def _structure(
    resource: Resource, old: Sequence[Step], new: Sequence[Step], names: Mapping[str, str]
) -> Iterator[Change]:
    before, after = ({step.name: step for step in side} for side in (old, new))
    lines = [f"- {_described(step)}" for step in old if step.name not in after]
    lines += [f"+ {_described(step)}" for step in new if step.name not in before]
    lines += [f"{one} is renamed {two}" for one, two in names.items()]
    both = [name for name in before if name in after]
    lines += [
        _moved(before[name], after[name])
        for name in both
        if before[name].branch != after[name].branch and not _is_released(before[name], after[name])
    ]
    if both != [name for name in after if name in before]:
        lines.append(f"new order: {', '.join(after)}")
    if lines:
        yield _change(resource, "steps", "steps change", tuple(lines), 20)


def _described(step: Step) -> str:
    return f"{step.name} ({step.kind}{f', {step.branch}' if step.branch else ''})"


def _moved(before: Step, after: Step) -> str:
    return f"{after.name}: {_branch(before)} → {_branch(after)}"


def _branch(step: Step) -> str:
    return step.branch or "always"


def _step_differences(old: Sequence[Step], new: Sequence[Step]) -> Iterator[tuple[Step, Difference]]:
    before = {step.name: step for step in old}
    for step in new:
        if step.name in before:
            one, two = (_without_conditions(without_hashes(side.body)) for side in (before[step.name], step))
            yield from ((step, difference) for difference in differences(one, two))


def _without_conditions(body: JsonObject) -> JsonObject:
    arguments = body.get("Arguments")
    if not isinstance(arguments, dict) or "Conditions" not in arguments:
        return body
    return {**body, "Arguments": {key: value for key, value in arguments.items() if key != "Conditions"}}


def _arguments(resource: Resource, old: Sequence[Step], new: Sequence[Step]) -> Iterator[Change]:
    """Yield the changed arguments of steps, combining changes that several steps share."""
    reported: dict[tuple[Verdict | None, str], list[str]] = {}
    found = [
        (step, one) for step, one in _step_differences(old, new) if "Tags" not in one.path and not _approves(step, one)
    ]
    times = Counter(canonical((one.old, one.new)) for _, one in found)
    for step, one in found:
        path = one.path[1:] if one.path[0] == "Arguments" else one.path
        # An image, a key or a role has a different path in each type of step.
        often = times[canonical((one.old, one.new))] >= _OFTEN and isinstance(one.old, str) and isinstance(one.new, str)
        line = str(Difference(("everywhere",) if often else path, one.old, one.new))
        where = reported.setdefault((judge(one, step.kind), line), [])
        if step.name not in where:
            where.append(step.name)
    together: dict[tuple[Verdict | None, tuple[str, ...]], list[str]] = {}
    for (verdict, line), where in reported.items():
        together.setdefault((verdict, tuple(where)), []).append(line)
    for (verdict, names), lines in together.items():
        place = f"step{'s' if len(names) > 1 else ''} {', '.join(names)}"
        if verdict is None or verdict.risk is Risk.REST:
            yield _change(resource, "arguments", place, tuple(lines), 21)
        else:
            means = "better protected" if verdict.rule == "guard-on" else verdict.means
            yield Change(
                risk=verdict.risk,
                rule=verdict.rule,
                message=f"{resource.label}, {place}{f': {means}' if means else ''}.",
                details=tuple(lines),
                exposes=verdict.exposes,
                order=40 if verdict.rule == "guard-on" else 11,
                resources=(resource.logical_id,),
            )


def _change(resource: Resource, rule: str, message: str, details: tuple[str, ...], order: int) -> Change:
    return Change(
        risk=Risk.BEHAVIOUR,
        rule=rule,
        message=f"{resource.label}, {message}.",
        details=details,
        order=order,
        resources=(resource.logical_id,),
    )
