"""What a diff says: one change, its risk, and how much it matters."""

from dataclasses import dataclass
from enum import IntEnum


class Risk(IntEnum):
    """What a change may cost; the lesser number is said first."""

    DATA = 1
    ACCESS = 2
    BEHAVIOUR = 3
    REST = 4


TITLES = {
    Risk.DATA: "Data: lost, replaced, or less protected",
    Risk.ACCESS: "Access: permissions and network",
    Risk.BEHAVIOUR: "Behaviour: endpoint, pipeline, functions, alarms",
    Risk.REST: "The rest",
}
"""What the groups are called."""


@dataclass(frozen=True)
class Change:
    """Something that a deployment would change, as a sentence for a reviewer.

    Attributes:
        risk: its group.
        rule: which rule found it; a word for machines.
        message: what happens.
        details: lines under it, most often ``path: old → new``.
        way_out: how to keep what would be lost.
        exposes: whether it opens something to everyone, to another account, or to an administrator, or breaks a rule of
            the app.
        order: within its group; the lesser first.
        resources: logical ids of what changes; none where it is the stack.
        folded: whether its details are for those who ask for them.
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
        """Whether nobody should deploy it without having thought about it."""
        return self.risk is Risk.DATA or self.exposes


@dataclass(frozen=True)
class Found:
    """A change and where it is.

    Attributes:
        change: with ``<env>`` in place of the environment's name where several have it.
        stacks: names of the stacks that have it.
    """

    change: Change
    stacks: tuple[str, ...]
