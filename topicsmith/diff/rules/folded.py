"""Minor changes, combined in one line per kind: new code, tags, descriptions, IDs and outputs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from topicsmith.diff.model import assembly
from topicsmith.diff.model.assembly import JsonObject
from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.comparison import Sides
from topicsmith.diff.model.pairs import Resource, StackPair
from topicsmith.diff.model.values import Difference, differences, hashes, shown
from topicsmith.diff.rules import pipeline
from topicsmith.diff.rules import resources as rule_resources
from topicsmith.diff.rules.loss import NESTED

# The CDK creates an output for each cross-stack reference; the rules report those where they are used.
_REFERENCES = ("PublishOutput", "ExportsOutput")
_FEW = 4
_OWN_SECTIONS = {"Resources", "Outputs", "Description", "Metadata", "AWSTemplateFormatVersion"}


def find(pair: StackPair, sides: Sides, reported: Sequence[Change]) -> Iterator[Change]:
    """Yield a stack's minor changes, one for each kind.

    Args:
        pair: Versions of the stack.
        sides: Assemblies with the files of new code.
        reported: Changes reported by the other rules.
    """
    both = [resource for resource in pair.resources if resource.old is not None and resource.new is not None]
    yield from _code(both, sides)
    yield from _recreated(both, {name for change in reported for name in change.resources})
    yield from _tags(pair, both)
    yield from _prose(pair, both)
    yield from _sections(pair)


def _code(resources: Sequence[Resource], sides: Sides) -> Iterator[Change]:
    found = [one for one in resources if one.type != NESTED and hashes(one.before()) != hashes(one.after())]
    if found:
        pairs = [pair for one in found for pair in zip(hashes(one.before()), hashes(one.after()), strict=False)]
        files = [line for old, new in dict.fromkeys(pairs) if old != new for line in _changed_files(sides, old, new)]
        message = f"New code: {', '.join(map(_with_steps, found))}."
        yield _change("code", message, tuple(files), 1, resources=_ids(found))


def _with_steps(resource: Resource) -> str:
    steps = pipeline.new_code(resource) if resource.type == pipeline.TYPE else []
    return f"{resource.label} ({', '.join(steps)})" if steps else resource.label


def _changed_files(sides: Sides, old: str, new: str) -> Iterator[str]:
    if sides.old is None or sides.new is None:
        return
    one, two = assembly.asset(sides.old, old), assembly.asset(sides.new, new)
    if one is None or two is None:
        return
    before, after = assembly.files(one), assembly.files(two)
    for path in sorted({*before, *after}):
        if before.get(path) != after.get(path):
            yield f"{'+' if path not in before else '-' if path not in after else '~'} {path}"


def _recreated(resources: Sequence[Resource], reported: set[str]) -> Iterator[Change]:
    """Yield the renamed stateless resources, which lose no data."""
    found = [one for one in resources if one.is_renamed and one.logical_id not in reported]
    if found:
        lines = tuple(f"{one.old_place.logical_id} → {one.logical_id}" for one in found if one.old_place)
        message = f"{_number(found, 'resource')} with another logical id: recreated, no data to lose."
        yield _change("made-anew", message, lines, 2, resources=_ids(found))


def _tags(pair: StackPair, resources: Sequence[Resource]) -> Iterator[Change]:
    tagged = [(resource, _tag_differences(resource)) for resource in resources]
    found = [one for _, differing in tagged for one in differing]
    if pair.old.template:
        found += differences(dict(pair.old.tags), dict(pair.new.tags), ("Tags",))
    counts = Counter(f"{_element(one)}: {shown(_value(one.old))} → {shown(_value(one.new))}" for one in found)
    if counts:
        lines = tuple(f"{line}{f' ({count} times)' if count > 1 else ''}" for line, count in sorted(counts.items()))
        ids = _ids([resource for resource, differing in tagged if differing])
        yield _change("tags", "Tags change.", lines, 5, folded=len(lines) > _FEW, resources=ids)


def _tag_differences(resource: Resource) -> list[Difference]:
    found = rule_resources.folded_differences(resource)
    return found + pipeline.tag_differences(resource) if resource.type == pipeline.TYPE else found


def _element(difference: Difference) -> str:
    place = difference.place.removesuffix(".Value")
    return place[place.index("Tags") :] if "Tags" in place else place


def _value(side: Any) -> Any:
    return side["Value"] if isinstance(side, dict) and "Value" in side else side


def _prose(pair: StackPair, resources: Sequence[Resource]) -> Iterator[Change]:
    found = [resource for resource in resources if rule_resources.prose(resource)]
    lines = [f"{resource.label}: {one}" for resource in found for one in rule_resources.prose(resource)]
    lines += map(str, differences(_part(pair.before, {"Description"}), _part(pair.after, {"Description"})))
    if lines:
        yield _change(
            "descriptions", f"{_number(lines, 'description')} changed.", tuple(lines), 6, resources=_ids(found)
        )


def _sections(pair: StackPair) -> Iterator[Change]:
    """Yield the changes in the template's other sections."""
    outputs = [
        str(one)
        for one in differences(_outputs(pair.before), _outputs(pair.after), ("Outputs",))
        if "Description" not in one.path
    ]
    if outputs:
        yield _change("outputs", "Outputs change.", tuple(outputs), 4, folded=False)
    names = {*pair.before, *pair.after} - _OWN_SECTIONS
    rest = differences(_part(pair.before, names), _part(pair.after, names))
    lines = [str(one) for one in rest if one.path[-1] != "Description"]
    if lines:
        yield _change(
            "sections", "Parameters, conditions or rules of the template change.", tuple(lines), 3, folded=False
        )


def _outputs(template: JsonObject) -> JsonObject:
    outputs = template.get("Outputs", {})
    return {name: output for name, output in outputs.items() if not name.startswith(_REFERENCES)}


def _part(template: JsonObject, names: set[str]) -> JsonObject:
    return {name: value for name, value in template.items() if name in names}


def _number(found: Sequence[object], what: str) -> str:
    return f"{len(found)} {what}{'s' if len(found) > 1 else ''}"


def _ids(resources: Iterable[Resource]) -> tuple[str, ...]:
    return tuple(resource.logical_id for resource in resources)


def _change(
    rule: str,
    message: str,
    details: tuple[str, ...],
    order: int,
    *,
    folded: bool = True,
    resources: tuple[str, ...] = (),
) -> Change:
    return Change(
        risk=Risk.REST,
        rule=rule,
        message=message,
        details=details,
        order=order,
        folded=folded,
        resources=resources,
    )
