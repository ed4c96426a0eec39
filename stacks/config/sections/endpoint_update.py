"""The section of how the endpoint goes over to another model."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from stacks.config.sections.base import Also, Section, refuse


class UpdateConfig(Section):
    """How the endpoint goes over to another model: a new fleet beside the old one, and requests shifted to it.

    Where one of the endpoint's `alarms` goes off before the old fleet is gone, SageMaker gives it all requests back and
    the update fails.

    See https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html.
    """

    policy: Literal["all_at_once", "canary", "linear"] = Field(
        default="all_at_once",
        description="How requests are shifted: at once, a canary first and then the rest, or in steps of one size.",
    )
    size_percent: Annotated[int, Also("≥ 10 with linear; only with canary or linear")] | None = Field(
        default=None, ge=1, le=50, description="Size of the canary or of each step, in percents of the new fleet."
    )
    size_instances: Annotated[int, Also("≤ half the least fleet; with linear, ≥ a tenth of the greatest")] | None = (
        Field(default=None, ge=1, validate_default=True, description="The same in instances, in place of percents.")
    )
    wait_seconds: Annotated[int, Also("≥ what an alarm takes to go off; only with canary or linear")] = Field(
        default=300, ge=0, le=3600, description="Pause after the canary or between steps, in which alarms are watched."
    )
    termination_wait_seconds: Annotated[int, Also("0 without `rollback`")] = Field(
        default=0,
        ge=0,
        le=3600,
        description="Time for which the old fleet is kept once the new one has all requests; until then alarms bring "
        "it back.",
    )
    max_execution_seconds: Annotated[int, Also("more than all pauses")] = Field(
        default=3600, ge=600, le=28_800, description="Time after which an update has failed and is rolled back."
    )
    rollback: Annotated[bool, Also("true with canary or linear")] = Field(
        default=True,
        description="Whether the endpoint's alarms roll an update back; false for a deployment that adds, removes or "
        "renames a variant.",
    )

    @field_validator("size_percent")
    @classmethod
    def _a_tenth_at_least(cls, percent: int | None, info: ValidationInfo) -> int | None:
        if percent is not None and percent < 10 and info.data.get("policy") == "linear":
            raise refuse("a step is at least a tenth of the fleet", "10 to 50")
        return percent

    @field_validator("size_instances")
    @classmethod
    def _one_size(cls, instances: int | None, info: ValidationInfo) -> int | None:
        policy, percent = info.data.get("policy"), info.data.get("size_percent")
        sizes = (percent is not None) + (instances is not None)
        if policy == "all_at_once" and sizes:
            raise refuse("policy all_at_once has one step", "neither size_percent nor size_instances")
        if policy in ("canary", "linear") and "size_percent" in info.data and sizes != 1:
            raise refuse(f"policy {policy} has steps of one size", "either size_percent or size_instances")
        return instances

    @field_validator("wait_seconds")
    @classmethod
    def _between_steps(cls, seconds: int, info: ValidationInfo) -> int:
        if info.data.get("policy") == "all_at_once":
            raise refuse("policy all_at_once has one step", "nothing; the pause after it is termination_wait_seconds")
        return seconds

    @field_validator("rollback")
    @classmethod
    def _watched(cls, rollback: bool, info: ValidationInfo) -> bool:
        if not rollback and info.data.get("policy") in ("canary", "linear"):
            raise refuse("nothing would be watched between the steps", "true, or policy: all_at_once")
        if not rollback and info.data.get("termination_wait_seconds"):
            raise refuse("nothing would bring the old fleet back", "true, or termination_wait_seconds: 0")
        return rollback
