"""Changes, with their risks and their descriptions for reviewers."""

from dataclasses import dataclass
from enum import IntEnum


class Risk(IntEnum):
    """Kind of damage that a change can do; lower numbers are reported first."""

    DATA = 1
    ACCESS = 2
    BEHAVIOUR = 3
    REST = 4


TITLES = {
    Risk.DATA: "Data: deleted, replaced or less protected",
    Risk.ACCESS: "Access: permissions and network",
    Risk.BEHAVIOUR: "Behaviour: endpoint, pipeline, functions, alarms",
    Risk.REST: "The rest",
}
"""Headings of the groups."""


@dataclass(frozen=True)
class Change:
    """Effect of a deployment, described for a reviewer.

    Attributes:
        risk: Group of the change.
        rule: Identifier of the rule that found it, for programs.
        message: Description of the effect.
        details: Lines below the message, usually ``path: old → new``.
        way_out: Advice on how to avoid the effect.
        exposes: Whether it opens something to everyone or to another account, grants administrator rights, or
            violates a rule of the app.
        order: Position within the group; lower first.
        resources: Logical IDs of the affected resources; empty if the stack itself is affected.
        folded: Whether the details are hidden by default.
    """

    risk: Risk
    rule: str
    message: str
    details: tuple[str, ...] = ()
    way_out: str | None = None
    exposes: bool = False
    order: int = 50
    resources: tuple[str, ...] = ()
    folded: bool = False

    @property
    def dangerous(self) -> bool:
        """True if the change must be reviewed before it is deployed."""
        return self.risk is Risk.DATA or self.exposes


@dataclass(frozen=True)
class Found:
    """Change and the stacks that it affects.

    Attributes:
        change: Change, with ``<env>`` for the environment's name if several environments share it.
        stacks: Names of the stacks.
    """

    change: Change
    stacks: tuple[str, ...]
