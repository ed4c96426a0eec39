"""Retries, triggers and notifications."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from stacks.config.sections.base import LONGEST_KEY_BELOW_RAW, Also, Section, Words, different, key_below_raw, refuse
from stacks.config.sections.schedules import check_schedule

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
# A topic accepts each address only once. Each is a resource of a stack, which has at most 500.
Emails = Annotated[tuple[Email, ...], AfterValidator(different)]


def _schedule(expression: str) -> str:
    """Check the syntax of a schedule of EventBridge."""
    check_schedule(expression, ("cron", "rate"), "rate(7 days) or cron(0 6 ? * MON *), for example")
    return expression


class RetriesConfig(Section):
    """Retries after platform errors."""

    attempts: int = Field(default=2, ge=0, le=20, description="Retries of a job that SageMaker could not run.")


class ScheduleConfig(Section):
    """Scheduled runs."""

    expression: (
        Annotated[str, AfterValidator(_schedule), Words("`rate(…)`, or `cron(…)` of six fields; with `corpus`")] | None
    ) = Field(
        default=None,
        description="EventBridge schedule of runs. Without it, there are no scheduled runs.",
    )
    corpus: (
        Annotated[
            str,
            Field(pattern=r"^[^/].*$"),
            key_below_raw(LONGEST_KEY_BELOW_RAW),
            Words("a key or a prefix below `raw/`; with `expression`"),
        ]
        | None
    ) = Field(
        default=None,
        description="Corpus of scheduled runs: a key, or a prefix that ends in /, below raw/.",
    )

    @model_validator(mode="after")
    def _both(self) -> "ScheduleConfig":
        if (self.expression is None) != (self.corpus is None):
            raise refuse("incomplete schedule", "both expression and corpus")
        return self


class TriggersConfig(Section):
    """Automatic starts of runs."""

    on_upload: bool = Field(default=False, description="Start a run when a corpus is uploaded below raw/.")
    schedule: ScheduleConfig = Field(default=ScheduleConfig(), description="Scheduled runs.")


class NotificationsConfig(Section):
    """Email notifications of failed or rejected runs, failed updates and alarms."""

    emails: Annotated[Emails, Words("list of at most 100 addresses"), Also("at least one in production")] = Field(
        default=(), max_length=100, strict=False, description="Email addresses. Each must confirm its subscription."
    )
