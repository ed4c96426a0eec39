"""Scheduled scaling."""

import re
import zoneinfo
from typing import Annotated

from pydantic import AfterValidator, Field

from stacks.config.sections.base import Also, Section, Words, refuse
from stacks.config.sections.fleets import MaxInstances, MinInstances
from stacks.config.sections.schedules import check_schedule

# Canonical names, without those of earlier versions of the database, such as US/Pacific, EST5EDT or Singapore.
_ZONE = re.compile(
    "UTC|(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific)/[A-Za-z0-9_+/-]+"
)
_ALLOWED = "cron(0 8 ? * MON-FRI *), rate(12 hours) or at(2030-01-31T08:00:00), for example"


def _schedule(expression: str) -> str:
    """Check the syntax of a schedule of Application Auto Scaling.

    See https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html.
    """
    check_schedule(expression, ("cron", "rate", "at"), _ALLOWED)
    return expression


def _known_zone(name: str) -> str:
    """Check the name of a time zone.

    See https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html.
    """
    known = zoneinfo.available_timezones()
    # The machine may have no time zone database.
    if not _ZONE.fullmatch(name) or (known and name not in known):
        raise refuse("unknown time zone", "UTC, or a canonical IANA name, for example Europe/Berlin")
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
