from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.events.models import events_backends

from localcloud.core.schedule_expressions import Cron, Rate, ScheduleError, parse
from localcloud.services.events import targets as event_targets
from localcloud.services.events.rules import LocalRule
from localcloud.services.events.scheduler import Schedules

ACCOUNT = "999999999999"
MONDAY = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "interval"),
    [
        ("rate(1 minute)", timedelta(minutes=1)),
        ("rate(5 minutes)", timedelta(minutes=5)),
        ("rate(12 hours)", timedelta(hours=12)),
        ("rate(7 days)", timedelta(days=7)),
    ],
)
def test_rates(expression: str, interval: timedelta) -> None:
    assert parse(expression) == Rate(interval)


@pytest.mark.parametrize(
    ("expression", "time", "matches"),
    [
        ("cron(0 12 * * ? *)", MONDAY, True),
        ("cron(0 12 * * ? *)", MONDAY + timedelta(minutes=1), False),
        ("cron(0/15 * * * ? *)", MONDAY + timedelta(minutes=45), True),
        ("cron(0/15 * * * ? *)", MONDAY + timedelta(minutes=44), False),
        ("cron(0 8-18 ? * MON-FRI *)", MONDAY, True),
        ("cron(0 8-18 ? * MON-FRI *)", MONDAY - timedelta(days=1), False),
        ("cron(0 12 ? * 2 *)", MONDAY, True),
        ("cron(0 12 1,15 JAN,jul ? 2024)", MONDAY, True),
        ("cron(0 12 1,15 FEB ? 2024)", MONDAY, False),
        ("cron(0 12 * * ? 2025-2030)", MONDAY, False),
        ("cron(0 12 L * ? *)", datetime(2024, 2, 29, 12, tzinfo=UTC), True),
        ("cron(0 12 L * ? *)", datetime(2024, 2, 28, 12, tzinfo=UTC), False),
    ],
)
def test_cron_selects_minutes(expression: str, time: datetime, matches: bool) -> None:
    schedule = parse(expression)
    assert isinstance(schedule, Cron)
    assert schedule.matches(time) is matches


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_cron_of_a_minute_matches_it(time: datetime) -> None:
    schedule = parse(f"cron({time.minute} {time.hour} {time.day} {time.month} ? {time.year})")
    assert isinstance(schedule, Cron)
    assert schedule.matches(time)
    assert not schedule.matches(time + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("rate(0 minutes)", "must be at least 1"),
        ("every day", "neither rate"),
        ("cron(0 12 * * ?)", "neither rate"),
        ("cron(60 12 * * ? *)", "field minutes of a cron expression is '60'; allowed: 0 to 59"),
        ("cron(0 12 ? * MON#1 *)", "field day-of-week of a cron expression is 'MON#1'"),
        ("cron(0 12 3W * ? *)", "field day-of-month"),
    ],
)
def test_invalid_schedules_are_refused(expression: str, complaint: str) -> None:
    with pytest.raises(ScheduleError, match=complaint):
        parse(expression)


@pytest.fixture
def fired(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    events: list[Any] = []
    monkeypatch.setattr(LocalRule, "fire", lambda self, event: events.append((self.name, event)))
    monkeypatch.setattr("moto.events.models.Rule", LocalRule)
    events_backends[ACCOUNT]["us-east-1"].reset()
    return events


def _rule(name: str, expression: str, state: str = "ENABLED") -> None:
    backend = events_backends[ACCOUNT]["us-east-1"]
    backend.put_rule(name, scheduled_expression=expression, state=state)


def test_rules_fire_when_they_are_due(fired: list[Any]) -> None:
    _rule("each-two-minutes", "rate(2 minutes)")
    _rule("at-noon", "cron(0 12 * * ? *)")
    _rule("never", "cron(0 12 ? * MON#1 *)")
    _rule("off", "rate(1 minute)", "DISABLED")
    schedules = Schedules()
    begin = MONDAY - timedelta(minutes=1)
    for minute in range(5):
        schedules.look(begin + timedelta(minutes=minute, seconds=3))
    assert [(name, event["time"]) for name, event in fired] == [
        ("at-noon", "2024-01-01T12:00:00Z"),
        ("each-two-minutes", "2024-01-01T12:01:00Z"),
        ("each-two-minutes", "2024-01-01T12:03:00Z"),
    ]
    event = fired[0][1]
    assert event["detail-type"] == "Scheduled Event"
    assert event["resources"] == [f"arn:aws:events:us-east-1:{ACCOUNT}:rule/at-noon"]


def test_changed_rate_restarts_the_interval(fired: list[Any]) -> None:
    schedules = Schedules()
    _rule("changing", "rate(2 minutes)")
    schedules.look(MONDAY)
    _rule("changing", "rate(3 minutes)")
    for minute in range(1, 5):
        schedules.look(MONDAY + timedelta(minutes=minute))
    assert [event["time"] for _, event in fired] == ["2024-01-01T12:04:00Z"]


def test_fired_event_reaches_every_target(monkeypatch: pytest.MonkeyPatch) -> None:
    invoked: list[str] = []

    def deliver(rule_arn: str, target: dict[str, Any], event: Any) -> None:
        if "broken" in target["Arn"]:
            raise TypeError
        invoked.append(event_targets.input_of(target, event))

    monkeypatch.setattr(event_targets, "deliver", deliver)
    targets = [
        {"Id": "1", "Arn": "arn:aws:lambda:us-east-1:1:function:broken"},
        {"Id": "2", "Arn": "arn:aws:lambda:us-east-1:1:function:f", "Input": '{"corpus": "s3://b/k"}'},
    ]
    rule = LocalRule("r", ACCOUNT, "us-east-1", None, None, "rate(1 day)", None, "default", None, targets=targets)
    rule.fire({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}})
    assert invoked == ['{"corpus": "s3://b/k"}']
