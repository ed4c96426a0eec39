"""The section of the endpoint."""

from pydantic import Field, ValidationInfo, field_validator

from constructs.instance_types import hosting_instance_types
from stacks.config_sections.base import Section, check_instance_type, refuse


class ServingConfig(Section):
    """The endpoint and its autoscaling."""

    instance_type: str = Field(default="ml.m5.large", description="Instance type of the endpoint.")
    min_instances: int = Field(default=1, ge=1, description="Least number of instances.")
    max_instances: int = Field(default=2, ge=1, validate_default=True, description="Greatest number of instances.")
    invocations_per_instance: int = Field(
        default=600, ge=1, description="Requests a minute and instance that autoscaling keeps to."
    )
    scale_in_cooldown_seconds: int = Field(default=300, ge=0, description="Pause after instances were removed.")
    scale_out_cooldown_seconds: int = Field(default=60, ge=0, description="Pause after instances were added.")
    model_package: str | None = Field(
        default=None,
        pattern=r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]{9,16}:\d{12}:model-package/\S{1,2048}$",
        description="ARN of the model package to serve; without it, approving a model serves it.",
    )

    @field_validator("instance_type")
    @classmethod
    def _serves_here(cls, instance_type: str) -> str:
        check_instance_type(instance_type, "endpoints", hosting_instance_types())
        if instance_type.startswith("ml.t2."):
            raise refuse("autoscaling does not take burstable instances", "for example ml.m5.large")
        return instance_type

    @field_validator("max_instances")
    @classmethod
    def _not_below_min(cls, max_instances: int, info: ValidationInfo) -> int:
        least = info.data.get("min_instances", 1)
        if max_instances < least:
            raise refuse("below min_instances", f"{least} or more")
        return max_instances
