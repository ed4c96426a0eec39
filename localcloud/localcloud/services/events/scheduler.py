"""Scheduled rules of EventBridge."""

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from moto.events.models import events_backends

from localcloud.core.schedule_expressions import Rate, ScheduleError, parse
from localcloud.services.events.rules import LocalRule

logger = logging.getLogger(__name__)


@dataclass
class _Entry:
    """A rule with its schedule, and the start of its rate."""

    rule: LocalRule
    expression: str
    since: datetime


class Schedules:
    """Schedules of the rules of all accounts and regions.

    A rate starts when the rule is first seen, at most a minute after its creation.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def look(self, now: datetime) -> None:
        """Send the events due in the minute of ``now``."""
        now = now.replace(second=0, microsecond=0)
        rules = {rule.arn: rule for rule in _scheduled_rules()}
        self._entries = {arn: entry for arn, entry in self._entries.items() if arn in rules}
        for arn, rule in rules.items():
            entry = self._entries.get(arn)
            if entry is None or entry.expression != rule.scheduled_expression:
                entry = self._entries[arn] = _Entry(rule, str(rule.scheduled_expression), now)
            entry.rule = rule
            if rule.state == "ENABLED" and _is_due(entry, now):
                entry.since = now
                rule.fire(
                    {
                        "version": "0",
                        "id": str(uuid.uuid4()),
                        "detail-type": "Scheduled Event",
                        "source": "aws.events",
                        "account": rule.account_id,
                        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
                        "region": rule.region_name,
                        "resources": [arn],
                        "detail": {},
                    }
                )


def _is_due(entry: _Entry, now: datetime) -> bool:
    try:
        schedule = parse(entry.expression)
    except ScheduleError as error:
        if entry.since == now:  # Warn only once.
            logger.warning("The schedule of rule %s is not supported: %s", entry.rule.name, error)
        return False
    if isinstance(schedule, Rate):
        return now - entry.since >= schedule.interval
    return schedule.matches(now)


def _scheduled_rules() -> Iterator[LocalRule]:
    for account in list(events_backends.values()):
        for region in list(account.values()):
            for bus in list(region.event_buses.values()):
                for rule in list(bus.rules.values()):
                    if isinstance(rule, LocalRule) and rule.scheduled_expression:
                        yield rule
