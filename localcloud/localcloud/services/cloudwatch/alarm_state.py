"""The state of an alarm, by the data points of its last periods.

The rules are those of
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What an alarm says."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class MissingData(StrEnum):
    """What a period without data counts as."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


FURTHER_PERIODS = 2
"""How many periods more than are evaluated are looked at, so that a late data point is not a missing one."""


@dataclass(frozen=True)
class Rule:
    """When an alarm is in alarm.

    Attributes:
        periods: how many periods are evaluated.
        to_alarm: how many of them must breach the threshold.
        missing: what a period without data counts as.
    """

    periods: int
    to_alarm: int
    missing: MissingData

    @property
    def evaluation_range(self) -> int:
        """How many periods are looked at."""
        return self.periods + FURTHER_PERIODS

    def state(self, points: Sequence[bool | None], before: State) -> State:
        """Return the state that follows from data points.

        Args:
            points: whether each breaches the threshold, ``None`` for a missing one; oldest first, as many as
                ``evaluation_range``.
            before: the state until now.
        """
        present = [point for point in points if point is not None]
        missing = self.periods - len(present)
        breaching = sum(present[-self.periods :])
        if missing > 0 and self.missing is MissingData.BREACHING:
            breaching += missing
        if breaching >= self.to_alarm:
            return State.ALARM
        if missing <= 0 or False in present or self.missing in (MissingData.BREACHING, MissingData.NOT_BREACHING):
            return State.OK
        if self.missing is MissingData.IGNORE:
            return before
        # A breach that nothing has contradicted for as long as the alarm wants is one, however little came after it.
        age = len(points) - points.index(True) if True in points else 0
        return State.ALARM if age >= self.to_alarm else State.INSUFFICIENT_DATA
