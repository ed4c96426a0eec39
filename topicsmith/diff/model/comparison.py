"""Sides of a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topicsmith.diff.model.assembly import Stack


@dataclass(frozen=True)
class Sides:
    """Stacks to compare.

    Attributes:
        before: Stacks of the old side.
        after: Stacks of the new side.
        old: Assembly of the old side, with the files of functions and images; None for deployed stacks.
        new: Assembly of the new side.
        notes: Caveats about the comparison.
    """

    before: Sequence[Stack]
    after: Sequence[Stack]
    old: Path | None = None
    new: Path | None = None
    notes: tuple[str, ...] = ()
