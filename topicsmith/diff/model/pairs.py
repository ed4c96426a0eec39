"""Pairing of the stacks and resources of two sides, without differences in notation."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from topicsmith.diff.model import impact, intrinsics, renames
from topicsmith.diff.model.assembly import JsonObject, Stack
from topicsmith.diff.model.impact import Impact, Question, ResourceImpact
from topicsmith.diff.model.renames import Place
from topicsmith.diff.model.values import Difference, differences, without_hashes

_UNCHANGED = ResourceImpact("NO_CHANGE", ())
_DEFAULTS = {"Resource", "Default"}
# The threshold leaves room for the few ids that contain the stack's path and change with its name.
_ALIKE = 0.8


@dataclass(frozen=True)
class Resource:
    """Resource on one side or both.

    Attributes:
        logical_id: New logical ID, or the last one of a removed resource.
        old_place: Old stack and logical ID; None for a new resource.
        old: Old definition, with references in their new form; None for a new resource.
        new: New definition; None for a removed resource.
        impact: CloudFormation's action; for a renamed or moved resource, the action on the old one.
        replacing: Properties that cannot be changed in place.
        is_renamed: Whether its logical ID or stack changed.
        label: Type and construct path.
    """

    logical_id: str
    old_place: Place | None
    old: JsonObject | None
    new: JsonObject | None
    impact: str
    replacing: tuple[str, ...]
    is_renamed: bool
    label: str

    @property
    def type(self) -> str:
        """CloudFormation type."""
        either = self.new or self.old
        assert either is not None
        return str(either["Type"])

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Changed properties, ignoring asset hashes; empty for an added or removed resource."""
        if self.old is None or self.new is None:
            return ()
        old, new = (without_hashes(side.get("Properties", {})) for side in (self.old, self.new))
        return tuple(differences(old, new))

    @property
    def is_replaced(self) -> bool:
        """True if CloudFormation replaces or may replace it."""
        return self.impact in ("WILL_REPLACE", "MAY_REPLACE")

    @property
    def is_gone(self) -> bool:
        """True if it was removed from the stack."""
        return self.new is None

    def before(self) -> JsonObject:
        """Return the old properties; empty for a new resource."""
        return _properties(self.old)

    def after(self) -> JsonObject:
        """Return the new properties; empty for a removed resource."""
        return _properties(self.new)


@dataclass(frozen=True)
class StackPair:
    """Old and new versions of a stack.

    Attributes:
        old: Old stack.
        new: New stack.
        before: Old template as read by ``intrinsics``, with the new logical ids and references.
        after: New template as read by ``intrinsics``.
        resources: Resources of either side.
        impact: CloudFormation's actions.
    """

    old: Stack
    new: Stack
    before: JsonObject
    after: JsonObject
    resources: Sequence[Resource]
    impact: Impact

    @property
    def is_another_stack(self) -> bool:
        """True if the stack's name changes: the deployed stack and its resources then stay as they are."""
        return self.old.name != self.new.name

    def label(self, logical_id: str) -> str:
        """Return the resource's label, or the logical id if there is no resource with this id."""
        return self._labels.get(logical_id, logical_id)

    @cached_property
    def _labels(self) -> Mapping[str, str]:
        return {resource.logical_id: resource.label for resource in self.resources}


@dataclass(frozen=True)
class Pairs:
    """Stacks of both sides.

    Attributes:
        both: Stacks that exist on both sides.
        gone: Stacks that exist only on the old side.
        came: Stacks that exist only on the new side, paired with an empty template.
    """

    both: Sequence[StackPair]
    gone: Sequence[Stack]
    came: Sequence[StackPair]


def keep_the_id(resource: Resource) -> str:
    """Return the advice on how to keep the resource's logical id."""
    old = resource.old_place.logical_id if resource.old_place else resource.logical_id
    path = (resource.new or resource.old or {}).get("Metadata", {}).get("aws:cdk:path", "")
    # The CloudFormation resource is the default child of a higher-level construct.
    call = "node.default_child." if path.rsplit("/", 1)[-1] in _DEFAULTS else ""
    return f'Keep the id: {call}override_logical_id("{old}").'


def pair(old: Sequence[Stack], new: Sequence[Stack]) -> Pairs:
    """Return the stacks of both sides, paired by name or else by construct path.

    Raises:
        OperatorError: The CDK's diff library is not installed or failed.
    """
    matched = _match(old, new)
    kept = {before.name for before, _ in matched}
    known = {after.name for _, after in matched}
    came = [stack for stack in new if stack.name not in known]
    sides = [*matched, *((_nothing(stack), stack) for stack in came)]

    reader, new_reader = intrinsics.Reader(old), intrinsics.Reader(new)
    before = [_as_redeployed(reader.read(_at_home(one, two)), one, two) for one, two in sides]
    after = [new_reader.read(_at_home(two, one)) for one, two in sides]
    places = _places(sides, before, after)
    ids = {(one.stack, one.logical_id): (two.stack, two.logical_id) for one, two in places.items()}
    for one in (stack for stack in old if stack.name not in kept):
        if two := successor(one, came):
            ids |= {(one.name, name): (two.name, name) for name in one.template["Resources"]}
    before = [intrinsics.renamed(template, ids, two.name) for template, (_, two) in zip(before, sides, strict=True)]

    impacts = impact.ask(
        [
            Question(one.template, two.template, _renamed_resources(old_form, two.name, places), new_form)
            for (one, two), old_form, new_form in zip(sides, before, after, strict=True)
        ]
    )
    whole = {two.name: template for template, (_, two) in zip(before, sides, strict=True)}
    impact_of = {two.name: found for found, (_, two) in zip(impacts, sides, strict=True)}
    pairs = [
        StackPair(
            old=one,
            new=two,
            before=_renamed_resources(old_form, two.name, places),
            after=new_form,
            resources=_resources(two, whole, new_form, impact_of, places),
            impact=found,
        )
        for (one, two), old_form, new_form, found in zip(sides, before, after, impacts, strict=True)
    ]
    return Pairs(
        both=pairs[: len(matched)],
        gone=[stack for stack in old if stack.name not in kept],
        came=pairs[len(matched) :],
    )


def successor(stack: Stack, came: Sequence[Stack]) -> Stack | None:
    """Return the new stack that has the resources of a removed one: the same stack, renamed."""
    ids = stack.template.get("Resources", {}).keys()
    alike = [one for one in came if len(ids & one.template.get("Resources", {}).keys()) > _ALIKE * len(ids)]
    return max(alike, key=lambda one: (one.environment == stack.environment, one.path), default=None)


def _match(old: Sequence[Stack], new: Sequence[Stack]) -> list[tuple[Stack, Stack]]:
    by_name = {stack.name: stack for stack in old}
    found = [(by_name[stack.name], stack) for stack in new if stack.name in by_name]
    taken = {stack.name for pair in found for stack in pair}
    by_path = {stack.path: stack for stack in old if stack.name not in taken}
    return [
        *found,
        *((by_path[stack.path], stack) for stack in new if stack.name not in taken and stack.path in by_path),
    ]


def _nothing(stack: Stack) -> Stack:
    return Stack(name=stack.name, path=stack.path, account=stack.account, region=stack.region, template={})


def _at_home(stack: Stack, other: Stack) -> Stack:
    """Return the stack with account and region taken from the other one if the credentials decide its own."""
    return dataclasses.replace(stack, account=stack.account or other.account, region=stack.region or other.region)


def _as_redeployed(template: JsonObject, old: Stack, new: Stack) -> JsonObject:
    """Return the old template as it would read under the new one's account, region and name."""
    text = json.dumps(template)
    for one, two in ((old.account, new.account), (old.region, new.region), (old.name, new.name)):
        if one and two and one != two:
            text = text.replace(one, two)
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def _places(
    sides: Sequence[tuple[Stack, Stack]], before: Sequence[JsonObject], after: Sequence[JsonObject]
) -> dict[Place, Place]:
    """Return the new places of renamed and moved resources, each within its environment."""
    gone: dict[str | None, dict[Place, JsonObject]] = {}
    came: dict[str | None, dict[Place, JsonObject]] = {}
    for (_, stack), old, new in zip(sides, before, after, strict=True):
        one, two = old.get("Resources", {}), new.get("Resources", {})
        # The same logical id with another type is another resource.
        same = {name for name in one if name in two and one[name]["Type"] == two[name]["Type"]}
        gone.setdefault(stack.environment, {}).update(
            {Place(stack.name, name): one[name] for name in one if name not in same}
        )
        came.setdefault(stack.environment, {}).update(
            {Place(stack.name, name): two[name] for name in two if name not in same}
        )
    return {one: two for environment in gone for one, two in renames.find(gone[environment], came[environment]).items()}


def _renamed_resources(template: JsonObject, stack: str, places: Mapping[Place, Place]) -> JsonObject:
    """Return the template with the new logical ids of its resources."""
    resources = {
        place.logical_id: resource
        for name, resource in template.get("Resources", {}).items()
        if (place := places.get(Place(stack, name), Place(stack, name))).stack == stack
    }
    return {**template, "Resources": resources}


def _resources(
    stack: Stack,
    before: Mapping[str, JsonObject],
    after: JsonObject,
    impacts: Mapping[str, Impact],
    places: Mapping[Place, Place],
) -> list[Resource]:
    origins = {new: old for old, new in places.items()}
    old_resources = before[stack.name].get("Resources", {})
    new_resources = after.get("Resources", {})
    found = []
    for name, new in sorted(new_resources.items()):
        origin = origins.get(Place(stack.name, name))
        place = origin or (Place(stack.name, name) if _has(old_resources, name, new["Type"]) else None)
        old = before[place.stack]["Resources"][place.logical_id] if place else None
        happens = impacts[place.stack if place else stack.name].resources.get(
            place.logical_id if place else name, _UNCHANGED
        )
        found.append(
            Resource(
                logical_id=name,
                old_place=place,
                old=old,
                new=new,
                impact=happens.impact,
                replacing=happens.replacing,
                is_renamed=origin is not None,
                label=_label(stack, name, new),
            )
        )
    for name, old in sorted(old_resources.items()):
        if Place(stack.name, name) in places or _has(new_resources, name, old["Type"]):
            continue
        happens = impacts[stack.name].resources.get(name, _UNCHANGED)
        place = Place(stack.name, name)
        found.append(Resource(name, place, old, None, happens.impact, (), False, _label(stack, name, old)))
    return found


def _has(resources: JsonObject, name: str, kind: str) -> bool:
    return name in resources and resources[name]["Type"] == kind


def _label(stack: Stack, logical_id: str, resource: JsonObject) -> str:
    kind = resource["Type"].split("::")[-1]
    path = str(resource.get("Metadata", {}).get("aws:cdk:path", ""))
    parts = path.removeprefix(f"{stack.path}/").split("/") if path else [logical_id]
    if len(parts) > 1 and parts[-1] in _DEFAULTS:
        parts.pop()
    return f"{kind} {'/'.join(parts)}"


def _properties(resource: JsonObject | None) -> dict[str, Any]:
    return dict(resource.get("Properties", {})) if resource else {}
