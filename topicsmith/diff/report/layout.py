"""Layout shared by all formats: changes grouped by risk, then by stack."""

from collections.abc import Sequence
from dataclasses import dataclass

from topicsmith.diff.compare import Report
from topicsmith.diff.model.changes import Found, Risk

_MANY = 15


@dataclass(frozen=True)
class Group:
    """Changes of one risk to the same stacks.

    Attributes:
        risk: Risk of the changes.
        stacks: Names of the stacks.
        found: Changes, most dangerous first.
    """

    risk: Risk
    stacks: tuple[str, ...]
    found: Sequence[Found]


def groups(report: Report) -> list[Group]:
    """Return the changes grouped by risk and stacks, stacks with dangerous changes first."""
    together: dict[tuple[Risk, tuple[str, ...]], list[Found]] = {}
    for one in report.found:
        together.setdefault((one.change.risk, one.stacks), []).append(one)
    return [
        Group(risk, stacks, found) for (risk, stacks), found in sorted(together.items(), key=lambda item: item[0][0])
    ]


def summary(report: Report) -> str:
    """Return the number of changes as a sentence."""
    if not report.found:
        return "No changes."
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
    """Return the detail lines of a change: all if verbose, none if folded, otherwise the first ones."""
    lines = list(one.change.details)
    if verbose or (not one.change.folded and len(lines) <= _MANY):
        return lines
    if one.change.folded:
        return []
    return [*lines[: _MANY - 1], f"… {len(lines) - _MANY + 1} more (-v)"]
