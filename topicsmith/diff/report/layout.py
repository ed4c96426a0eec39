"""How a report is laid out, whatever it is written in: risks, in them stacks, in them changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from topicsmith.diff.compare import Report
from topicsmith.diff.model.changes import Found, Risk

_MANY = 15


@dataclass(frozen=True)
class Group:
    """The changes of one risk to the same stacks.

    Attributes:
        risk: of all of them.
        stacks: that have them.
        found: the dangerous first.
    """

    risk: Risk
    stacks: tuple[str, ...]
    found: Sequence[Found]


def groups(report: Report) -> list[Group]:
    """Return the changes by risk and stacks, stacks with dangerous changes first."""
    together: dict[tuple[Risk, tuple[str, ...]], list[Found]] = {}
    for one in report.found:
        together.setdefault((one.change.risk, one.stacks), []).append(one)
    return [
        Group(risk, stacks, found) for (risk, stacks), found in sorted(together.items(), key=lambda item: item[0][0])
    ]


def summary(report: Report) -> str:
    """Return how much changes, in a sentence."""
    if not report.found:
        return "Nothing changes."
    others = len(report.found) - report.dangerous
    counts = [
        f"{number} {what}"
        for number, what in (
            (report.dangerous, f"dangerous change{'s' if report.dangerous != 1 else ''}"),
            (others, f"{'other ' if report.dangerous else ''}change{'s' if others != 1 else ''}"),
        )
        if number
    ]
    return f"{', '.join(counts)}."


def details(one: Found, *, verbose: bool) -> list[str]:
    """Return the lines under a change: of a folded one only on demand, of a long one the first."""
    lines = list(one.change.details)
    if verbose or (not one.change.folded and len(lines) <= _MANY):
        return lines
    if one.change.folded:
        return []
    return [*lines[: _MANY - 1], f"… {len(lines) - _MANY + 1} more (-v)"]
