"""Comparison of two template values, with readable paths to the differences."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

# Members that identify an element of a list regardless of its position.
_IDENTITIES = (
    "Name",
    "Key",
    "Id",
    "VariantName",
    "ChannelName",
    "InputName",
    "OutputName",
    "PropertyFileName",
    "AlarmName",
    "AttributeName",
    "IndexName",
    "OptionName",
)
_UNORDERED = {
    "Architectures",
    "AlarmActions",
    "Action",
    "InsufficientDataActions",
    "ManagedPolicyArns",
    "NotAction",
    "OKActions",
    "Resource",
    "RouteTableIds",
    "SecurityGroupIds",
    "SubnetIds",
    "SupportedContentTypes",
    "SupportedResponseMIMETypes",
    "SupportedRealtimeInferenceInstanceTypes",
    "SupportedTransformInstanceTypes",
}
ELEMENT: Final = "[]"
"""Last part of the path to an element of a list that has neither names nor an order."""
_LONG = 90
_SHORT_LIST = 12
# An image digest is chosen by the author; an asset hash follows from its content.
_ASSET_HASH = re.compile(r"(?<!sha256:)\b[0-9a-f]{64}\b")


class _Missing:
    def __repr__(self) -> str:
        return "—"


MISSING: Final = _Missing()
"""Placeholder for a value that one side lacks."""


@dataclass(frozen=True)
class Difference:
    """Difference between two values at one path.

    Attributes:
        path: Keys from the root; elements of a list are in brackets.
        old: Old value, or ``MISSING``.
        new: New value, or ``MISSING``.
    """

    path: tuple[str, ...]
    old: Any
    new: Any

    @property
    def place(self) -> str:
        """Path as text, for example ``Rules[ExpireRuns].ExpirationInDays``."""
        return ".".join(self.path).replace(".[", "[")

    def __str__(self) -> str:
        if self.old is MISSING:
            return f"{self.place}: + {shown(self.new)}"
        if self.new is MISSING:
            return f"{self.place}: - {shown(self.old)}"
        return f"{self.place}: {_pair(self.old, self.new)}"

    def leaves(self) -> Iterator["Difference"]:
        """Yield the difference itself or, if an object or list was added or removed, one for each scalar in it."""
        if self.old is MISSING and isinstance(self.new, (dict, list)) and self.new:
            yield from (leaf for one in differences(_empty(self.new), self.new, self.path) for leaf in one.leaves())
        elif self.new is MISSING and isinstance(self.old, (dict, list)) and self.old:
            yield from (leaf for one in differences(self.old, _empty(self.old), self.path) for leaf in one.leaves())
        else:
            yield self


def differences(old: Any, new: Any, path: tuple[str, ...] = ()) -> list[Difference]:
    """Return the differences between two values; JSON texts are compared by content.

    Ignores the order of keys and of lists with named elements, and whether a number is written as text.
    """
    return list(_compare(parsed(old), parsed(new), path))


def parsed(value: Any) -> Any:
    """Return the object or list encoded in a JSON text; return any other value unchanged."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def without_hashes(value: Any) -> Any:
    """Return the value with a placeholder for asset hashes."""
    match value:
        case str():
            return _ASSET_HASH.sub("<hash>", value)
        case dict():
            return {key: without_hashes(item) for key, item in value.items()}
        case list():
            return [without_hashes(item) for item in value]
        case _:
            return value


def hashes(value: Any) -> list[str]:
    """Return the distinct asset hashes in a value, in order."""
    return list(dict.fromkeys(_ASSET_HASH.findall(canonical(value))))


def canonical(value: Any) -> str:
    """Return a text that is the same for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def shown(value: Any) -> str:
    """Return the value on one line, for display."""
    match value:
        case str():
            text = " ".join(value.split()) or '""'
        case bool() | None:
            text = json.dumps(value)
        case dict() | list():
            text = json.dumps(value, ensure_ascii=False).replace('"', "")
        case _:
            text = str(value)
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def _pair(old: Any, new: Any) -> str:
    """Return both values for display; only the differing parts if they are long."""
    before, after = (value if isinstance(value, str) else shown(value) for value in (old, new))
    if max(len(before), len(after)) > _LONG:
        start = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
        start = max(0, min(start, len(before), len(after)) - 20)
        if start:
            before, after = f"…{before[start:]}", f"…{after[start:]}"
    return f"{shown(before)} → {shown(after)}"


def _compare(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _members(old.get(key, MISSING), new.get(key, MISSING), (*path, str(key)))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _compare_lists(old, new, path)
    elif not _same(old, new):
        yield Difference(path, old, new)


def _members(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[Difference]:
    if old is MISSING or new is MISSING:
        yield Difference(path, parsed(old), parsed(new))
    else:
        yield from differences(old, new, path)


def _compare_lists(old: list[Any], new: list[Any], path: tuple[str, ...]) -> Iterator[Difference]:
    if identity := _identity(old, new):
        before, after = ({str(item[identity]): item for item in side} for side in (old, new))
        for name in {**before, **after}:
            yield from _members(before.get(name, MISSING), after.get(name, MISSING), (*path, f"[{name}]"))
    elif _is_flat(old) and _is_flat(new) and not _has_options([*old, *new]):
        yield from _compare_flat(old, new, path)
    else:
        yield from _align(old, new, path)


def _compare_flat(old: list[Any], new: list[Any], path: tuple[str, ...]) -> Iterator[Difference]:
    unordered = path[-1:] and path[-1] in _UNORDERED
    if old == new or (unordered and sorted(map(str, old)) == sorted(map(str, new))):
        return
    if not old or not new or (max(len(old), len(new)) <= _SHORT_LIST and not unordered):
        yield Difference(path, old, new)
    else:
        yield from (Difference((*path, ELEMENT), item, MISSING) for item in old if item not in new)
        yield from (Difference((*path, ELEMENT), MISSING, item) for item in new if item not in old)
        if set(map(str, old)) == set(map(str, new)):
            yield Difference(path, old, new)


def _align(old: list[Any], new: list[Any], path: tuple[str, ...]) -> Iterator[Difference]:
    """Compare lists of unnamed elements, pairing those between equal elements in order."""
    for start, stop, other_start, other_stop in _gaps(*([canonical(item) for item in side] for side in (old, new))):
        for step in range(max(stop - start, other_stop - other_start)):
            at, other = start + step, other_start + step
            one = old[at] if at < stop else MISSING
            two = new[other] if other < other_stop else MISSING
            label = _option(old, at) if one is not MISSING else _option(new, other)
            yield from _members(one, two, (*path, f"[{label}]"))


def _gaps(old: list[str], new: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the start and stop in both lists of what lies between equal elements.

    Exchanging the lists exchanges the results. ``SequenceMatcher`` alone prefers the first of its lists where several
    matches are equally long.
    """
    exchanged = old > new
    first, second = (new, old) if exchanged else (old, new)
    for tag, *bounds in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if tag != "equal":
            start, stop, other_start, other_stop = bounds
            yield (other_start, other_stop, start, stop) if exchanged else (start, stop, other_start, other_stop)


def _option(items: list[Any], at: int) -> str:
    """Return the option before a command line's argument, or else the argument's position."""
    if isinstance(items[at], str) and at and str(items[at - 1]).startswith("--"):
        return str(items[at - 1])
    return str(at)


def _identity(old: list[Any], new: list[Any]) -> str | None:
    both = [*old, *new]
    if not both or not all(isinstance(item, dict) for item in both):
        return None
    for key in _IDENTITIES:
        if all(isinstance(item.get(key), str) for item in both) and _unique(old, key) and _unique(new, key):
            return key
    return None


def _unique(items: Sequence[Mapping[str, Any]], key: str) -> bool:
    return len({item[key] for item in items}) == len(items)


def _is_flat(items: list[Any]) -> bool:
    return not any(isinstance(item, (dict, list)) for item in items)


def _has_options(items: list[Any]) -> bool:
    return any(str(item).startswith("--") for item in items)


def _same(old: Any, new: Any) -> bool:
    """Return True if CloudFormation treats both as equal, as it does a number and its text."""
    if isinstance(old, (dict, list)) or isinstance(new, (dict, list)):
        return bool(old == new)
    return bool(old == new) or _text(old) == _text(new)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _empty(value: Any) -> Any:
    return {} if isinstance(value, dict) else []
