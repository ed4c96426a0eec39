"""Compares two sides: asks every rule about every stack, and says once what several environments have in common."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from topicsmith.diff.model import pairs
from topicsmith.diff.model.assembly import Stack
from topicsmith.diff.model.changes import Change, Found
from topicsmith.diff.model.comparison import Sides
from topicsmith.diff.model.pairs import StackPair
from topicsmith.diff.rules import access, attached, findings, folded, loss, network, pipeline, resources, retention
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
)
_ENVIRONMENT = "<env>"


@dataclass(frozen=True)
class Report:
    """What a deployment would change.

    Attributes:
        found: the changes, the dangerous first.
        notes: what the reader must know about the comparison.
    """

    found: Sequence[Found]
    notes: Sequence[str] = ()

    @property
    def dangerous(self) -> int:
        """How many changes nobody should deploy without having thought about them."""
        return sum(one.change.dangerous for one in self.found)

    @property
    def status(self) -> int:
        """The exit status: 0 no change, 1 changes, 2 dangerous ones."""
        return 2 if self.dangerous else 1 if self.found else 0


def compare(sides: Sides) -> Report:
    """Return what changes between two sides.

    Raises:
        OperatorError: the CDK's diff library cannot be asked.
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
    told = [change for rule in _RULES for change in rule.find(pair)]
    told += findings.find(pair, sides)
    told += folded.find(pair, sides, told)
    yield from told
    yield from rule_same.find(pair, told)


def _openings(pair: StackPair, sides: Sides) -> Iterator[Change]:
    """Yield what is dangerous about a new stack; the rest of it is new altogether."""
    yield from findings.find(pair, sides)
    for rule in (access, network, resources):
        yield from (change for change in rule.find(pair) if change.dangerous)


def _merged(found: Sequence[tuple[Change, Stack]]) -> Iterator[Found]:
    """Yield each change once, with all stacks that have it; environments differ in their names only."""
    same: dict[Change, list[tuple[Change, Stack]]] = {}
    for change, stack in found:
        # Of a logical id that holds the environment's name, there is one for each.
        same.setdefault(dataclasses.replace(_nameless(change, stack), resources=()), []).append((change, stack))
    for nameless, members in same.items():
        stacks = tuple(dict.fromkeys(stack.name for _, stack in members))
        first = members[0][0]
        told = dataclasses.replace(nameless, resources=first.resources) if len(stacks) > 1 else first
        yield Found(change=told, stacks=stacks)


def _nameless(change: Change, stack: Stack) -> Change:
    """Return a change with a placeholder for the environment's name."""
    if stack.environment is None:
        return change
    # A name of the environment stands between slashes, hyphens and the like; in a word it is part of another one.
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
