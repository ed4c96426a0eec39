"""Scheduled actions: due times and validation."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from moto.applicationautoscaling.exceptions import AWSValidationException

from localcloud.services.applicationautoscaling import schedules
from localcloud.services.applicationautoscaling.schedules import LocalScheduledAction
from tests.localcloud.services.applicationautoscaling.support import DIMENSION, NOON, resource_of


def _action(schedule: str, timezone: str | None = None, **more: Any) -> LocalScheduledAction:
    times = {"start_time": more.get("start"), "end_time": more.get("end")}
    resource_id = resource_of("e")["ResourceId"]
    action = LocalScheduledAction(
        "sagemaker", schedule, timezone, "a", resource_id, DIMENSION, *times.values(), {"MinCapacity": 2}, "1", "r"
    )
    action.creation_time = NOON.timestamp()
    return action


@pytest.mark.parametrize(
    ("action", "moment", "due"),
    [
        (_action("cron(0 12 * * ? *)"), NOON, True),
        (_action("cron(0 12 * * ? *)"), NOON + timedelta(seconds=1), False),
        (_action("cron(0 13 * * ? *)", "Europe/Berlin"), NOON, True),
        (_action("cron(0 13 * * ? *)"), NOON, False),
        (_action("at(2024-01-01T12:00:00)"), NOON, True),
        (_action("at(2024-01-01T07:00:00)", "America/New_York"), NOON, True),
        (_action("at(2024-01-01T12:00:01)"), NOON, False),
        (_action("rate(5 minutes)"), NOON + timedelta(minutes=5), True),
        (_action("rate(5 minutes)"), NOON + timedelta(minutes=6), False),
        (_action("cron(* * * * ? *)", start=(NOON + timedelta(days=1)).timestamp()), NOON, False),
        (_action("cron(* * * * ? *)", end="2024-01-01T11:00:00"), NOON, False),
    ],
)
def test_scheduled_action_is_due(action: LocalScheduledAction, moment: datetime, due: bool) -> None:
    assert action.is_due(moment - timedelta(seconds=1), moment) is due


@pytest.mark.parametrize(
    ("schedule", "timezone", "limits", "complaint"),
    [
        ("noon", None, {"MinCapacity": 1}, "is neither rate"),
        ("at(2024-13-01T12:00:00)", None, {"MinCapacity": 1}, "is not a valid time"),
        ("cron(0 12 * * ? *)", "Mars/Olympus", {"MinCapacity": 1}, "'Mars/Olympus' is not known"),
        ("cron(0 12 * * ? *)", None, {}, "neither MinCapacity nor MaxCapacity"),
        ("cron(0 12 * * ? *)", None, {"MinCapacity": 3, "MaxCapacity": 2}, "is above MaxCapacity 2"),
    ],
)
def test_invalid_scheduled_action_is_refused(
    schedule: str, timezone: str | None, limits: dict[str, int], complaint: str
) -> None:
    request = {"schedule": schedule, "timezone": timezone, "scalable_target_action": limits}
    with pytest.raises(AWSValidationException, match=complaint):
        schedules.check(request)
