"""CloudWatch alarms and cost budget."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from stacks.config.sections.base import Also, Section, Words, refuse

_SECONDS_PER_DAY = 24 * 3600

Percent = Annotated[float, Field(gt=0, lt=100)]
Milliseconds = Annotated[float, Field(gt=0, le=60_000)]


class AlarmsConfig(Section):
    """Thresholds of the CloudWatch alarms; `null` disables an alarm.

    Each alarm notifies the addresses in `notifications` when it goes off and when it recovers. Error rates and
    latencies are those of one variant in one period. Alarms for failed runs and for approved models that could not be
    deployed have no settings. During an update of the endpoint, `error_5xx_percent` and `model_latency_p99_ms` also
    apply to the new fleet and roll back the update; see `serving.update`.
    """

    enabled: Annotated[bool, Also("true in production")] = Field(default=True, description="Create alarms.")
    error_5xx_percent: Annotated[Percent, Also("not null in production")] | None = Field(
        default=1.0, description="Maximum percentage of requests that fail with a server error."
    )
    error_4xx_percent: Percent | None = Field(
        default=20.0, description="Maximum percentage of requests that fail with a client error."
    )
    model_latency_p99_ms: Milliseconds | None = Field(
        default=1000.0, description="Maximum 99th percentile of the model latency."
    )
    overhead_latency_p99_ms: Milliseconds | None = Field(
        default=500.0,
        description="Maximum 99th percentile of SageMaker's overhead latency; ignored for serverless endpoints.",
    )
    cpu_percent: Percent | None = Field(
        default=90.0, description="Maximum CPU utilization, averaged over all instances."
    )
    gpu_percent: Percent | None = Field(
        default=90.0, description="Maximum GPU utilization, averaged over all instances, if they have GPUs."
    )
    memory_percent: Percent | None = Field(default=90.0, description="Maximum memory utilization of any instance.")
    disk_percent: Percent | None = Field(default=90.0, description="Maximum disk utilization of any instance.")
    max_instances_minutes: int | None = Field(
        default=30,
        ge=1,
        le=24 * 60,
        description="Maximum time at serving.max_instances.",
    )
    period_seconds: int = Field(
        default=60, ge=60, le=3600, multiple_of=60, description="Period of the endpoint's metrics."
    )
    evaluation_periods: Annotated[int, Also("times `period_seconds` ≤ one day")] = Field(
        default=5, ge=1, description="Number of most recent periods to evaluate."
    )
    datapoints_to_alarm: Annotated[int, Also("≤ `evaluation_periods`")] = Field(
        default=3,
        ge=1,
        validate_default=True,
        description="Number of breaching periods among them that triggers an alarm.",
    )

    @field_validator("evaluation_periods")
    @classmethod
    def _within_a_day(cls, evaluation_periods: int, info: ValidationInfo) -> int:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        most = _SECONDS_PER_DAY // info.data.get("period_seconds", 60)
        if evaluation_periods > most:
            raise refuse("CloudWatch evaluates at most one day", f"{most} or less, or a shorter period_seconds")
        return evaluation_periods

    @field_validator("datapoints_to_alarm")
    @classmethod
    def _not_more_than_periods(cls, datapoints: int, info: ValidationInfo) -> int:
        periods = info.data.get("evaluation_periods", datapoints)
        if datapoints > periods:
            raise refuse("it exceeds evaluation_periods", f"{periods} or less")
        return datapoints

    @property
    def seconds_to_alarm(self) -> int:
        """Shortest time from the first bad request to the alarm."""
        return self.period_seconds * self.datapoints_to_alarm


class BudgetConfig(Section):
    """Monthly budget for all resources with the environment's tag; alerts go to the addresses in `notifications`.

    The tag `environment` must be activated as a cost allocation tag in the payer account. See
    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html.
    """

    monthly_usd: Annotated[float, Field(ge=0.01, le=1e9)] | None = Field(
        default=None, description="Monthly limit in US dollars. Without it, there is no budget."
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
        description="Percentages of the limit that trigger an alert.",
    )

    @model_validator(mode="after")
    def _each_once(self) -> "BudgetConfig":
        if len(set(self.alert_percents)) < len(self.alert_percents):
            raise refuse("duplicate value in alert_percents", "each value once")
        return self
