"""Comparison of two sides: applies every rule to every stack and merges the changes that environments share."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from topicsmith.diff.model import pairs
from topicsmith.diff.model.assembly import Stack
from topicsmith.diff.model.changes import Change, Found
from topicsmith.diff.model.comparison import Sides
from topicsmith.diff.model.pairs import StackPair
from topicsmith.diff.rules import (
    access,
    attached,
    findings,
    folded,
    loss,
    network,
    pipeline,
    resources,
    retention,
    scaled,
)
from topicsmith.diff.rules import same as rule_same
from topicsmith.diff.rules import stack as rule_stack

_RULES = (
    rule_stack,
    loss,
    retention,
    access,
    network,
    attached,
    pipeline,
    resources,
    scaled,
)
_ENVIRONMENT = "<env>"


@dataclass(frozen=True)
class Report:
    """Changes that a deployment would make.

    Attributes:
        found: Changes, most dangerous first.
        notes: Caveats about the comparison.
    """

    found: Sequence[Found]
    notes: Sequence[str] = ()

    @property
    def dangerous(self) -> int:
        """Number of dangerous changes."""
        return sum(one.change.dangerous for one in self.found)

    @property
    def status(self) -> int:
        """Exit status: 0 without changes, 1 with changes, 2 with dangerous changes."""
        return 2 if self.dangerous else 1 if self.found else 0


def compare(sides: Sides) -> Report:
    """Return the changes between two sides.

    Raises:
        OperatorError: The CDK's diff library is not installed or failed.
    """
    found = sorted(_merged(list(_found(sides))), key=_order)
    return Report(found=found, notes=sides.notes)


def _found(sides: Sides) -> Iterator[tuple[Change, Stack]]:
    paired = pairs.pair(sides.before, sides.after)
    for stack in paired.gone:
        yield rule_stack.gone(stack, [pair.new for pair in paired.came]), stack
    for pair in paired.came:
        yield rule_stack.new(pair), pair.new
        yield from ((change, pair.new) for change in _openings(pair, sides))
    for pair in paired.both:
        yield from ((change, pair.new) for change in _changes(pair, sides))


def _changes(pair: StackPair, sides: Sides) -> Iterator[Change]:
    reported = [change for rule in _RULES for change in rule.find(pair)]
    reported += findings.find(pair, sides)
    reported += folded.find(pair, sides, reported)
    yield from reported
    yield from rule_same.find(pair, reported)


def _openings(pair: StackPair, sides: Sides) -> Iterator[Change]:
    """Yield the dangerous changes of a new stack, whose other resources are only counted."""
    yield from findings.find(pair, sides)
    for rule in (access, network, resources):
        yield from (change for change in rule.find(pair) if change.dangerous)


def _merged(found: Sequence[tuple[Change, Stack]]) -> Iterator[Found]:
    """Yield each change once, with all stacks that it affects; the names of environments do not count."""
    same: dict[Change, list[tuple[Change, Stack]]] = {}
    for change, stack in found:
        # A logical id that contains the environment's name differs in each environment.
        same.setdefault(dataclasses.replace(_nameless(change, stack), resources=()), []).append((change, stack))
    for nameless, members in same.items():
        stacks = tuple(dict.fromkeys(stack.name for _, stack in members))
        first = members[0][0]
        reported = dataclasses.replace(nameless, resources=first.resources) if len(stacks) > 1 else first
        yield Found(change=reported, stacks=stacks)


def _nameless(change: Change, stack: Stack) -> Change:
    """Return the change with a placeholder for the environment's name."""
    if stack.environment is None:
        return change
    # Match whole names only, delimited by slashes, hyphens and the like, never part of another word.
    name = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(stack.environment)}(?![A-Za-z0-9_])")
    return dataclasses.replace(
        change,
        message=name.sub(_ENVIRONMENT, change.message),
        details=tuple(name.sub(_ENVIRONMENT, line) for line in change.details),
        way_out=change.way_out and name.sub(_ENVIRONMENT, change.way_out),
    )


def _order(found: Found) -> tuple[object, ...]:
    change = found.change
    return (change.risk, not change.dangerous, change.order, found.stacks, change.message)
