"""State of an alarm, derived from the data points of its latest periods.

Rules: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """State of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class MissingData(StrEnum):
    """Treatment of periods without data."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


FURTHER_PERIODS = 2
"""Extra periods in the evaluation range, so that a late data point does not count as missing."""


@dataclass(frozen=True)
class Rule:
    """Rule that puts an alarm in ALARM.

    Attributes:
        periods: Number of evaluated periods.
        to_alarm: Number of them that must breach the threshold.
        missing: Treatment of periods without data.
    """

    periods: int
    to_alarm: int
    missing: MissingData

    @property
    def evaluation_range(self) -> int:
        """Number of periods in the evaluation range."""
        return self.periods + FURTHER_PERIODS

    def state(self, points: Sequence[bool | None], before: State) -> State:
        """Return the state for these data points.

        Args:
            points: True for a breach, None for a missing point; oldest first, ``evaluation_range`` of them.
            before: The current state.
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
        # A breach counts once nothing has contradicted it for ``to_alarm`` periods, however few points follow.
        age = len(points) - points.index(True) if True in points else 0
        return State.ALARM if age >= self.to_alarm else State.INSUFFICIENT_DATA
