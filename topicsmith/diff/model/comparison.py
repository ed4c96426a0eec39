"""The two sides of a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topicsmith.diff.model.assembly import Stack


@dataclass(frozen=True)
class Sides:
    """What is compared.

    Attributes:
        before: the stacks as they were.
        after: the stacks as they will be.
        old: the assembly of the one side, where the files of functions and images lie; None of deployed stacks.
        new: that of the other.
        notes: what the reader must know about the comparison.
    """

    before: Sequence[Stack]
    after: Sequence[Stack]
    old: Path | None = None
    new: Path | None = None
    notes: tuple[str, ...] = ()
