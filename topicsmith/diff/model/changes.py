"""Changes, their risks and the reviewer's sentences about them."""

from dataclasses import dataclass
from enum import IntEnum


class Risk(IntEnum):
    """Cost of a change if it goes wrong; lower numbers are reported first."""

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
    """One effect of a deployment, as a sentence for a reviewer.

    Attributes:
        risk: The group.
        rule: Rule that found it, as an identifier for programs.
        message: The effect.
        details: Lines below the message, usually ``path: old → new``.
        way_out: Advice on how to avoid the effect.
        exposes: Opens something to everyone or to another account, gives administrator rights, or violates a
            rule of the app.
        order: Position within the group; lower first.
        resources: Logical ids of the affected resources; empty if the stack itself is affected.
        folded: Hide the details unless the reader asks for them.
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
        """True if the change needs a second look before it is deployed."""
        return self.risk is Risk.DATA or self.exposes


@dataclass(frozen=True)
class Found:
    """A change and the stacks that it affects.

    Attributes:
        change: The change, with ``<env>`` for the environment's name if several environments share it.
        stacks: Names of the stacks.
    """

    change: Change
    stacks: tuple[str, ...]
