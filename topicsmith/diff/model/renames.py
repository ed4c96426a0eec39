"""Detection of renamed resources, which are the same under another logical ID."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from topicsmith.diff.model.assembly import JsonObject
from topicsmith.diff.model.stateful import ANSWERS, holds_data
from topicsmith.diff.model.values import parsed, without_hashes

_REFERENCE = re.compile(r"\$\{[^}]*\}")
# Match stateful resources more readily: a missed loss is worse than a false alarm.
_ALIKE = 0.6
_ALIKE_ENOUGH_TO_WARN = 0.3


@dataclass(frozen=True, order=True)
class Place:
    """Stack and logical ID in it."""

    stack: str
    logical_id: str


def find(old: Mapping[Place, JsonObject], new: Mapping[Place, JsonObject]) -> dict[Place, Place]:
    """Return the new place of each renamed resource, matched by similarity, best first.

    Args:
        old: Removed resources, as read by ``intrinsics``.
        new: Added resources.
    """
    gone, came = (Counter(resource["Type"] for resource in side.values()) for side in (old, new))
    leaves = {place: _leaves(resource) for side in (old, new) for place, resource in side.items()}
    candidates = sorted(
        (-likeness, before, after)
        for before, one in old.items()
        for after, other in new.items()
        if one["Type"] == other["Type"]
        and (likeness := _likeness(leaves[before], _path(before, one), leaves[after], _path(after, other)))
        >= _threshold(one["Type"], only=gone[one["Type"]] == came[one["Type"]] == 1)
    )
    found: dict[Place, Place] = {}
    taken: set[Place] = set()
    for _, before, after in candidates:
        if before not in found and after not in taken:
            found[before] = after
            taken.add(after)
    return found


def _threshold(kind: str, *, only: bool) -> float:
    if holds_data(kind) or kind in ANSWERS:
        return 0.0 if only else _ALIKE_ENOUGH_TO_WARN
    return _ALIKE


def _likeness(one: set[str], path: str, other: set[str], other_path: str) -> float:
    """Return the similarity of two resources, up to 1; the path breaks ties."""
    same = len(one & other) / len(one | other) if one | other else 1.0
    return 0.8 * same + 0.2 * SequenceMatcher(None, path, other_path, autojunk=False).ratio()


def _path(place: Place, resource: JsonObject) -> str:
    return str(resource.get("Metadata", {}).get("aws:cdk:path", f"{place.stack}/{place.logical_id}"))


def _leaves(resource: JsonObject) -> set[str]:
    """Return the scalar properties with their paths, without the targets of references."""
    properties = without_hashes(resource.get("Properties", {}))
    return {f"{path}={_REFERENCE.sub('${}', str(value))}" for path, value in _walk(properties, ())}


def _walk(value: Any, path: Sequence[str]) -> Iterator[tuple[str, Any]]:
    value = parsed(value)
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, path)
    else:
        yield ".".join(path), value
