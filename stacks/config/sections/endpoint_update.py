"""Updates of the endpoint."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from stacks.config.sections.base import Also, Section, refuse


class UpdateConfig(Section):
    """Blue/green updates of the endpoint: SageMaker starts a new fleet and shifts traffic to it.

    If one of the endpoint's `alarms` goes off before the old fleet is terminated, all traffic returns to the old fleet
    and the update fails.

    See https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html.
    """

    policy: Literal["all_at_once", "canary", "linear"] = Field(
        default="all_at_once",
        description="Traffic shifting: all at once, a canary followed by the rest, or equal steps.",
    )
    size_percent: Annotated[int, Also("≥ 10 with linear; only with canary or linear")] | None = Field(
        default=None, ge=1, le=50, description="Size of the canary or of each step, in percent of the new fleet."
    )
    size_instances: Annotated[int, Also("≤ half the smallest fleet; with linear, ≥ a tenth of the largest")] | None = (
        Field(
            default=None, ge=1, validate_default=True, description="Size of the canary or of each step, in instances."
        )
    )
    wait_seconds: Annotated[int, Also("≥ the time an alarm takes to go off; only with canary or linear")] = Field(
        default=300,
        ge=0,
        le=3600,
        description="Pause after the canary or between steps, during which alarms are monitored.",
    )
    termination_wait_seconds: Annotated[int, Also("0 without `rollback`")] = Field(
        default=0,
        ge=0,
        le=3600,
        description="Time to keep the old fleet after all traffic was shifted. Until then, alarms roll back the "
        "update.",
    )
    max_execution_seconds: Annotated[int, Also("more than all pauses")] = Field(
        default=3600, ge=600, le=28_800, description="Time limit of an update, after which it is rolled back."
    )
    rollback: Annotated[bool, Also("true with canary or linear")] = Field(
        default=True,
        description="Let the endpoint's alarms roll back updates. Set it to false for a deployment that adds, removes "
        "or renames a variant.",
    )

    @field_validator("size_percent")
    @classmethod
    def _a_tenth_at_least(cls, percent: int | None, info: ValidationInfo) -> int | None:
        if percent is not None and percent < 10 and info.data.get("policy") == "linear":
            raise refuse("with policy linear, a step is at least a tenth of the fleet", "10 to 50")
        return percent

    @field_validator("size_instances")
    @classmethod
    def _one_size(cls, instances: int | None, info: ValidationInfo) -> int | None:
        policy, percent = info.data.get("policy"), info.data.get("size_percent")
        sizes = (percent is not None) + (instances is not None)
        if policy == "all_at_once" and sizes:
            raise refuse("policy all_at_once has no steps", "neither size_percent nor size_instances")
        if policy in ("canary", "linear") and "size_percent" in info.data and sizes != 1:
            raise refuse(f"policy {policy} needs exactly one size", "either size_percent or size_instances")
        return instances

    @field_validator("wait_seconds")
    @classmethod
    def _between_steps(cls, seconds: int, info: ValidationInfo) -> int:
        if info.data.get("policy") == "all_at_once":
            raise refuse("policy all_at_once has no steps", "no value; use termination_wait_seconds")
        return seconds

    @field_validator("rollback")
    @classmethod
    def _watched(cls, rollback: bool, info: ValidationInfo) -> bool:
        if not rollback and info.data.get("policy") in ("canary", "linear"):
            raise refuse("no alarms would be monitored between the steps", "true, or policy: all_at_once")
        if not rollback and info.data.get("termination_wait_seconds"):
            raise refuse("nothing would roll back to the old fleet", "true, or termination_wait_seconds: 0")
        return rollback
