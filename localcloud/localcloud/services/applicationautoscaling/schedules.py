"""Scheduled scaling: new capacity limits at set times.

See https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scheduled-scaling.html.
"""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import FakeScheduledAction, applicationautoscaling_backends

from localcloud.core.schedule_expressions import Rate, ScheduleError, parse
from localcloud.services.applicationautoscaling.targets import LocalScalableTarget

logger = logging.getLogger(__name__)

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")


class LocalScheduledAction(FakeScheduledAction):
    """A scheduled scaling action."""

    @property
    def limits(self) -> dict[str, int]:
        """The limits that the action changes."""
        given: Any = self.scalable_target_action
        return dict(given or {})

    def is_due(self, after: datetime, now: datetime) -> bool:
        """Return True if the action is due after ``after`` and no later than ``now``."""
        begin, end = _time(self.start_time), _time(self.end_time)
        if (begin and now < begin) or (end and after >= end):
            return False
        zone = _zone(self.timezone)
        if once := _once(self.schedule, zone):
            return after < once <= now
        schedule = parse(self.schedule)
        if isinstance(schedule, Rate):
            since = begin or datetime.fromtimestamp(self.creation_time, UTC)
            return (now - since) // schedule.interval > (after - since) // schedule.interval
        minutes = range(int(after.timestamp()) // 60 + 1, int(now.timestamp()) // 60 + 1)
        return any(schedule.matches(datetime.fromtimestamp(minute * 60, zone)) for minute in minutes)


def check(request: Mapping[str, Any]) -> None:
    """Validate a scheduled action.

    Raises:
        AWSValidationException: The schedule, the time zone or the limits are invalid.
    """
    schedule = str(request["schedule"])
    try:
        if not _once(schedule, _zone(request["timezone"])):
            parse(schedule)
    except ScheduleError as error:
        raise AWSValidationException(f"Schedule: {error} at(yyyy-mm-ddThh:mm:ss) is allowed, too.") from None
    limits = request["scalable_target_action"] or {}
    least, greatest = limits.get("MinCapacity"), limits.get("MaxCapacity")
    if least is None and greatest is None:
        raise AWSValidationException("ScalableTargetAction has neither MinCapacity nor MaxCapacity.")
    if least is not None and greatest is not None and least > greatest:
        raise AWSValidationException(f"MinCapacity {least} of ScalableTargetAction is above MaxCapacity {greatest}.")


class ScheduledScaling:
    """Scheduled actions of all accounts and regions; each run continues where the one before ended."""

    def __init__(self) -> None:
        self._until = datetime.now(UTC)

    def run_due(self, now: datetime) -> None:
        """Run the actions that became due since the last call."""
        after, self._until = self._until, now
        for account in list(applicationautoscaling_backends.values()):
            for backend in list(account.values()):
                for action in list(backend.scheduled_actions):
                    target = backend.targets.get(action.scalable_dimension, {}).get(action.resource_id)
                    assert isinstance(action, LocalScheduledAction)
                    if isinstance(target, LocalScalableTarget) and action.is_due(after, now):
                        _do(action, target)


def _do(action: LocalScheduledAction, target: LocalScalableTarget) -> None:
    if target.is_suspended("ScheduledScaling"):
        return
    logger.info("%s: scheduled action %s: %s", target.resource_id, action.scheduled_action_name, action.limits)
    least, greatest = target.limits
    target.min_capacity = action.limits.get("MinCapacity", least)
    target.max_capacity = action.limits.get("MaxCapacity", greatest)
    target.hold_limits(f"scheduled action name {action.scheduled_action_name} was triggered; ")


def _once(schedule: str, zone: ZoneInfo) -> datetime | None:
    """Return the time of an ``at`` expression, or None for other schedules."""
    match = _AT.fullmatch(schedule)
    if not match:
        return None
    try:
        return datetime.fromisoformat(match[1]).replace(tzinfo=zone)
    except ValueError as error:
        raise ScheduleError(f"{schedule!r} is not a valid time: {error}.") from None


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise ScheduleError(f"The time zone {name!r} is not known; allowed are names such as Europe/Berlin.") from None


def _time(value: Any) -> datetime | None:
    """Return the time from a request or a template: a Unix timestamp or ISO 8601 text."""
    if not value:
        return None
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    time = datetime.fromisoformat(str(value))
    return time if time.tzinfo else time.replace(tzinfo=UTC)
