"""Retries, triggers and notifications."""

import pytest
from pydantic import ValidationError

from stacks.config.sections.automation import ScheduleConfig


@pytest.mark.parametrize("expression", ["rate(7 days)", "rate(1 hour)", "cron(0 6 ? * MON *)", "cron(0 6 L * ? *)"])
def test_a_schedule_is_an_expression_of_eventbridge(expression: str) -> None:
    assert ScheduleConfig(expression=expression, corpus="reviews/").expression == expression


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("at(2030-01-31T08:00:00)", r"not a cron\(...\) or rate\(...\) expression"),
        ("cron(0 6 * * *)", "cron needs minutes, hours, day of month"),
        ("cron(0 6 * * * *)", r"cron needs \? as either day of month or day of week"),
        ("rate(1 days)", "rate needs a number and minutes, hours or days, with 1 in the singular"),
        (f"rate({'9' * 250} days)", "261 characters; allowed: at most 256"),
        ("rate(30 seconds)", "rate needs a number"),
    ],
)
def test_an_invalid_schedule_is_refused(expression: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=rf"expression\n *{reason}"):
        ScheduleConfig(expression=expression, corpus="reviews/")
