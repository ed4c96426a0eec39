"""The sections of what happens without a person: retries, triggers, notifications."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from stacks.config.sections.base import Also, Section, Words, different, refuse

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
# A topic takes an address once.
Emails = Annotated[tuple[Email, ...], AfterValidator(different)]


class RetriesConfig(Section):
    """What is tried again."""

    attempts: int = Field(
        default=2, ge=0, le=20, description="How often a job is tried again that SageMaker could not run."
    )


class ScheduleConfig(Section):
    """Runs at fixed times."""

    expression: Annotated[str, Words("`rate(…)` or `cron(…)`; with `corpus`")] | None = Field(
        default=None,
        pattern=r"^(rate|cron)\(.+\)$",
        description="When runs start, as EventBridge writes it; without it, at no fixed time.",
    )
    corpus: Annotated[str, Words("a key or a prefix below `raw/`; with `expression`")] | None = Field(
        default=None,
        pattern=r"^[^/].*$",
        description="The corpus of those runs: a key, or a prefix that ends in /, below raw/.",
    )

    @model_validator(mode="after")
    def _both(self) -> "ScheduleConfig":
        if (self.expression is None) != (self.corpus is None):
            raise refuse("half a schedule", "expression and corpus")
        return self


class TriggersConfig(Section):
    """What starts runs without a person."""

    on_upload: bool = Field(default=False, description="Whether a corpus that is uploaded below raw/ starts a run.")
    schedule: ScheduleConfig = Field(default=ScheduleConfig(), description="Runs at fixed times.")


class NotificationsConfig(Section):
    """Who is told of runs that fail or are rejected."""

    emails: Annotated[Emails, Words("list of addresses"), Also("at least one in production")] = Field(
        default=(), strict=False, description="Addresses; each gets a message that asks for its consent."
    )
