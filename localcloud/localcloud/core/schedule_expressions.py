"""Schedule expressions of EventBridge: ``rate(…)`` and ``cron(…)``.

See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html.
"""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from localcloud.core.errors import LocalCloudError

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((.+)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LAST_DAY = "L"


class ScheduleError(LocalCloudError):
    """A schedule expression is invalid or not supported."""


@dataclass(frozen=True)
class _Field:
    """One field of a cron expression."""

    name: str
    lowest: int
    highest: int
    names: Sequence[str] = ()
    first_name: int = 1

    def values(self, text: str) -> frozenset[int]:
        """Return the values that a text allows.

        Raises:
            ScheduleError: The text is not a list of values, ranges and steps.
        """
        return frozenset(value for part in text.split(",") for value in self._part(part, text))

    def _part(self, part: str, text: str) -> range:
        span, _, step = part.partition("/")
        try:
            if span in ("*", "?"):
                first, last = self.lowest, self.highest
            else:
                begin, _, end = span.partition("-")
                first = self._number(begin)
                last = self._number(end) if end else self.highest if step else first
            values = range(first, last + 1, int(step or 1))
        except ValueError:
            raise ScheduleError(f"The field {self.name} of a cron expression is {text!r}.") from None
        if not (self.lowest <= first <= last <= self.highest):
            raise ScheduleError(
                f"The field {self.name} of a cron expression is {text!r}; allowed: {self.lowest} to {self.highest}."
            )
        return values

    def _number(self, text: str) -> int:
        return self.names.index(text.upper()) + self.first_name if text.upper() in self.names else int(text)


_FIELDS = (
    _Field("minutes", 0, 59),
    _Field("hours", 0, 23),
    _Field("day-of-month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day-of-week", 1, 7, _WEEKDAYS),
    _Field("year", 1970, 2199),
)


@dataclass(frozen=True)
class Rate:
    """A fixed interval between events."""

    interval: timedelta


@dataclass(frozen=True)
class Cron:
    """Minutes at which an event occurs, in UTC.

    Attributes:
        fields: Allowed values of each of the six fields.
        on_last_day: True if the event occurs only on the last day of a month.
    """

    fields: tuple[frozenset[int], ...]
    on_last_day: bool

    def matches(self, time: datetime) -> bool:
        """Return whether an event occurs at this minute."""
        weekday = time.isoweekday() % 7 + 1
        values = (time.minute, time.hour, time.day, time.month, weekday, time.year)
        last_day = calendar.monthrange(time.year, time.month)[1]
        return all(value in allowed for value, allowed in zip(values, self.fields, strict=True)) and (
            not self.on_last_day or time.day == last_day
        )


def parse(expression: str) -> Rate | Cron:
    """Parse a schedule expression.

    Raises:
        ScheduleError: The expression is invalid, or it has ``W``, ``#`` or a last weekday, which are not supported.
    """
    if match := _RATE.fullmatch(expression):
        number, unit = int(match[1]), match[2]
        if number < 1:
            raise ScheduleError(f"{expression!r}: the rate must be at least 1.")
        return Rate(timedelta(**{f"{unit}s": number}))
    match = _CRON.fullmatch(expression)
    texts = match[1].split() if match else []
    if len(texts) != len(_FIELDS):
        raise ScheduleError(f"{expression!r} is neither rate(number unit) nor cron with six fields.")
    on_last_day = texts[2] == _LAST_DAY
    texts[2] = "*" if on_last_day else texts[2]
    fields = tuple(field.values(text) for field, text in zip(_FIELDS, texts, strict=True))
    return Cron(fields, on_last_day)
