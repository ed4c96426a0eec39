"""The sections of what watches an environment: alarms and budget."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from stacks.config.sections.base import Also, Section, Words, refuse

_SECONDS_PER_DAY = 24 * 3600

Percent = Annotated[float, Field(gt=0, lt=100)]
Milliseconds = Annotated[float, Field(gt=0, le=60_000)]


class AlarmsConfig(Section):
    """What is an alarm; `null` watches nothing.

    Each tells those whom `notifications` names when it begins and when it is over. Shares and times are those of the
    requests to one variant in one period. Alarms of failed runs and of approvals that were not followed have no
    setting. `error_5xx_percent` and `model_latency_p99_ms` also hold for the new fleet while the endpoint is updated,
    and roll the update back; see `serving.update`.
    """

    enabled: Annotated[bool, Also("true in production")] = Field(default=True, description="Whether there are alarms.")
    error_5xx_percent: Annotated[Percent, Also("not null in production")] | None = Field(
        default=1.0, description="Share of the endpoint's requests that may fail for its own reasons."
    )
    error_4xx_percent: Percent | None = Field(
        default=20.0, description="Share of the endpoint's requests that may be refused."
    )
    model_latency_p99_ms: Milliseconds | None = Field(
        default=1000.0, description="Time within which the model answers 99 of 100 requests."
    )
    overhead_latency_p99_ms: Milliseconds | None = Field(
        default=500.0, description="Time that SageMaker may add for 99 of 100 requests; not watched where serverless."
    )
    cpu_percent: Percent | None = Field(default=90.0, description="Use of all processors, over all instances.")
    gpu_percent: Percent | None = Field(
        default=90.0, description="Use of all GPUs, over all instances, where they have any."
    )
    memory_percent: Percent | None = Field(default=90.0, description="Use of the memory of any instance.")
    disk_percent: Percent | None = Field(default=90.0, description="Use of the disk of any instance.")
    max_instances_minutes: int | None = Field(
        default=30,
        ge=1,
        le=24 * 60,
        description="Time for which there may be as many instances as serving.max_instances allows.",
    )
    period_seconds: int = Field(
        default=60, ge=60, le=3600, multiple_of=60, description="Time that one value of the endpoint's metrics covers."
    )
    evaluation_periods: Annotated[int, Also("times `period_seconds` ≤ one day")] = Field(
        default=5, ge=1, description="Number of latest periods that count."
    )
    datapoints_to_alarm: Annotated[int, Also("≤ `evaluation_periods`")] = Field(
        default=3, ge=1, validate_default=True, description="Number of those that must be bad."
    )

    @field_validator("evaluation_periods")
    @classmethod
    def _within_a_day(cls, evaluation_periods: int, info: ValidationInfo) -> int:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        most = _SECONDS_PER_DAY // info.data.get("period_seconds", 60)
        if evaluation_periods > most:
            raise refuse("CloudWatch looks back one day", f"{most} or less, or a shorter period_seconds")
        return evaluation_periods

    @field_validator("datapoints_to_alarm")
    @classmethod
    def _not_more_than_periods(cls, datapoints: int, info: ValidationInfo) -> int:
        periods = info.data.get("evaluation_periods", datapoints)
        if datapoints > periods:
            raise refuse("more than evaluation_periods", f"{periods} or less")
        return datapoints

    @property
    def seconds_to_alarm(self) -> int:
        """Return the least time from the first bad request to the alarm."""
        return self.period_seconds * self.datapoints_to_alarm


class BudgetConfig(Section):
    """What may be spent on what bears the environment's tag; whom `notifications` names is told when it is more.

    AWS counts costs by the tag `environment` only once it is activated for that in the account that pays. See
    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html.
    """

    monthly_usd: Annotated[float, Field(gt=0, le=1e9)] | None = Field(
        default=None, description="What may be spent in a month; without it, there is no budget."
    )
    # AWS allows five notifications of a budget.
    alert_percents: Annotated[
        tuple[Annotated[int, Field(ge=1, le=1000)], ...], Words("list of 1 to 5 different integers, ≥ 1, ≤ 1,000")
    ] = Field(
        default=(80, 100),
        strict=False,
        min_length=1,
        max_length=5,
        json_schema_extra={"uniqueItems": True},
        description="Percents of it at which there is a message.",
    )

    @model_validator(mode="after")
    def _each_once(self) -> "BudgetConfig":
        if len(set(self.alert_percents)) < len(self.alert_percents):
            raise refuse("a percent stands twice in alert_percents", "each percent once")
        return self
