"""Endpoint."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from stacks.config.sections.base import GREATEST, GREATEST_FLOAT, Also, Section, refuse
from stacks.config.sections.endpoint_update import UpdateConfig
from stacks.config.sections.fleets import InstanceType, MaxInstances, MinInstances, ModelPackageArn
from stacks.config.sections.scheduled_scaling import ScheduledScalingConfig
from stacks.config.sections.variants import ShadowConfig, VariantConfig


class ServerlessConfig(Section):
    """Capacity with `mode: serverless`.

    See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantServerlessConfig.html.
    """

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = Field(
        default=2048, description="Memory of a worker; CPU is proportional."
    )
    max_concurrency: int = Field(
        default=5, ge=1, le=200, description="Maximum number of concurrent requests; SageMaker throttles the rest."
    )
    provisioned_concurrency: Annotated[int, Also("≤ `max_concurrency`")] | None = Field(
        default=None,
        ge=1,
        le=200,
        description="Number of workers kept warm, at additional cost. Without it, requests after a pause wait for a "
        "cold start.",
    )

    @field_validator("provisioned_concurrency")
    @classmethod
    def _not_above_max(cls, provisioned: int | None, info: ValidationInfo) -> int | None:
        greatest = info.data.get("max_concurrency", 200)
        if provisioned is not None and provisioned > greatest:
            raise refuse("above max_concurrency", f"{greatest} or less")
        return provisioned


class DataCaptureConfig(Section):
    """Capture of requests and responses below `captured/` in the data bucket.

    They are encrypted with the bucket's key and expire after `data.expire_runs_after_days`. They contain the callers'
    texts, which may be personal data.
    """

    enabled: Annotated[bool, Also("false with mode serverless")] = Field(
        default=False, description="Capture requests and responses."
    )
    sampling_percent: int = Field(default=100, ge=1, le=100, description="Percentage of requests to capture.")


class ServingConfig(Section):
    """SageMaker endpoint.

    With `mode: serverless`, workers start on demand: idle time costs nothing, but the first request waits for a cold
    start. Requests are limited to 4 MB and one minute. Serverless endpoints support no instance autoscaling, variants,
    shadow variant, data capture, canary or linear updates, network isolation or GPUs; settings for these are rejected.
    An endpoint cannot be converted from instances to serverless: delete the stack `topicsmith-<name>-serving` first.

    With several scaling targets, the largest capacity wins, and instances are removed only if all targets allow it.
    """

    mode: Literal["instances", "serverless"] = Field(
        default="instances",
        description="Instances, or serverless workers that only run while there are requests.",
    )
    instance_type: InstanceType = Field(default="ml.m5.large", description="Instance type of the endpoint.")
    min_instances: MinInstances = Field(default=1, description="Minimum number of instances.")
    max_instances: MaxInstances = Field(default=2, validate_default=True, description="Maximum number of instances.")
    autoscaling: bool = Field(
        default=True,
        description="Scale the number of instances. While it is false, each variant keeps the number that it has. "
        "SageMaker changes or removes the instance type of a variant only while it is not scaled.",
    )
    # benchmarks/serving/load.py: two cores handle 19,512 requests of 100 texts per minute within 250 ms. The default
    # leaves half as headroom, and the two vCPUs of the default instance are one core.
    invocations_per_instance: int = Field(
        default=5000, ge=1, le=GREATEST, description="Scaling target: requests per minute and instance."
    )
    cpu_target: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="Additional scaling target: CPU utilization of an instance.",
    )
    scale_in_cooldown_seconds: int = Field(
        default=300, ge=0, le=GREATEST, description="Cooldown after removing instances."
    )
    scale_out_cooldown_seconds: int = Field(
        default=60, ge=0, le=GREATEST, description="Cooldown after adding instances."
    )
    # https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-limits.html
    scheduled_scaling: tuple[ScheduledScalingConfig, ...] = Field(
        default=(), max_length=200, strict=False, description="Scheduled changes of the instance limits."
    )
    weight: Annotated[float, Also("relative to the weights of `variants`")] = Field(
        default=1, ge=0, le=GREATEST_FLOAT, description="Weight of the approved model's share of the requests."
    )
    variants: Annotated[
        tuple[VariantConfig, ...], Also("at most 4 if two alarms of each roll back updates; none with `shadow`")
    ] = Field(default=(), max_length=9, strict=False, description="Further models that serve requests.")
    shadow: ShadowConfig | None = Field(default=None, description="Shadow variant, which receives copies of requests.")
    model_package: ModelPackageArn | None = Field(
        default=None, description="ARN of the model package to serve. Without it, approving a model deploys it."
    )
    serverless: ServerlessConfig = Field(default=ServerlessConfig(), description="Serverless capacity.")
    data_capture: DataCaptureConfig = Field(default=DataCaptureConfig(), description="Data capture.")
    update: UpdateConfig = Field(default=UpdateConfig(), description="Updates of the endpoint.")

    @field_validator("scheduled_scaling")
    @classmethod
    def _different_changes(cls, changes: tuple[ScheduledScalingConfig, ...]) -> tuple[ScheduledScalingConfig, ...]:
        _check_different([change.name for change in changes])
        return changes

    @field_validator("variants")
    @classmethod
    def _different_variants(cls, variants: tuple[VariantConfig, ...]) -> tuple[VariantConfig, ...]:
        _check_different([variant.name for variant in variants])
        return variants

    @property
    def instance_types(self) -> tuple[str, ...]:
        """Distinct instance types of the endpoint."""
        used = [self.instance_type, *(variant.instance_type for variant in self.variants)]
        return tuple(dict.fromkeys([*used, self.shadow.instance_type] if self.shadow else used))


def _check_different(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise refuse(f"duplicate name {', '.join(twice)}", "different names")
