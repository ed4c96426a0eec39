"""Scheduled scaling."""

import re
import zoneinfo
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from stacks.config.sections.base import Also, Section, Words, refuse
from stacks.config.sections.fleets import MaxInstances, MinInstances

_EXPRESSION = re.compile(r"(cron|rate|at)\((.+)\)")
_RATE = re.compile(r"1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days)")
_CRON_FIELDS = 6
_ALLOWED = "cron(0 8 ? * MON-FRI *), rate(12 hours) or at(2030-01-31T08:00:00), for example"


def _schedule(expression: str) -> str:
    """Check the syntax of a schedule of Application Auto Scaling.

    See https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html.
    """
    match = _EXPRESSION.fullmatch(expression)
    if not match:
        raise refuse("not a cron(...), rate(...) or at(...) expression", _ALLOWED)
    kind, inner = match.groups()
    if kind == "cron" and len(inner.split()) != _CRON_FIELDS:
        raise refuse("cron needs minutes, hours, day of month, month, day of week and year", _ALLOWED)
    if kind == "rate" and not _RATE.fullmatch(inner):
        raise refuse("rate needs a number and minutes, hours or days", _ALLOWED)
    if kind == "at" and not _is_time(inner):
        raise refuse("at needs a date and a time, without a time zone (use timezone)", _ALLOWED)
    return expression


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).isoformat() == text and len(text) == len("yyyy-mm-ddThh:mm:ss")
    except ValueError:
        return False


def _known_zone(name: str) -> str:
    known = zoneinfo.available_timezones()
    # The machine may have no time zone database.
    if known and name not in known:
        raise refuse("unknown time zone", "UTC, or an IANA name, for example Europe/Berlin")
    return name


class ScheduledScalingConfig(Section):
    """Scheduled change of the approved model's instance limits.

    Limits stay in force until the next change; two changes make a daily schedule.
    """

    name: Annotated[str, Words("63 letters, digits and hyphens"), Also("each once")] = Field(
        pattern=r"^[A-Za-z0-9](-*[A-Za-z0-9]){0,62}$", description="Name of the change."
    )
    schedule: Annotated[
        str,
        AfterValidator(_schedule),
        Words("`cron(…)` of six fields, `rate(…)`, or `at(yyyy-mm-ddThh:mm:ss)`"),
    ] = Field(description="Schedule expression of Application Auto Scaling.")
    timezone: Annotated[str, AfterValidator(_known_zone), Words("a name like Europe/Berlin")] = Field(
        default="UTC", description="Time zone of the schedule."
    )
    min_instances: MinInstances = Field(description="New minimum number of instances.")
    max_instances: MaxInstances = Field(description="New maximum number of instances.")
