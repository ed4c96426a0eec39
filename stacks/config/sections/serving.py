"""The section of the endpoint."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from stacks.config.sections.base import Also, Section, refuse
from stacks.config.sections.endpoint_update import UpdateConfig
from stacks.config.sections.fleets import InstanceType, MaxInstances, MinInstances, ModelPackageArn
from stacks.config.sections.scheduled_scaling import ScheduledScalingConfig
from stacks.config.sections.variants import ShadowConfig, VariantConfig


class ServerlessConfig(Section):
    """What requests get with `mode: serverless`, where there are no instances.

    See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantServerlessConfig.html.
    """

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = Field(
        default=2048, description="Memory of a worker; it gets processors in proportion."
    )
    max_concurrency: int = Field(
        default=5, ge=1, le=200, description="Requests at one time, above which SageMaker throttles."
    )
    provisioned_concurrency: Annotated[int, Also("≤ `max_concurrency`")] | None = Field(
        default=None,
        ge=1,
        le=200,
        description="Workers that are kept ready, and paid for; without it, a request after a pause waits for a cold "
        "start.",
    )

    @field_validator("provisioned_concurrency")
    @classmethod
    def _not_above_max(cls, provisioned: int | None, info: ValidationInfo) -> int | None:
        greatest = info.data.get("max_concurrency", 200)
        if provisioned is not None and provisioned > greatest:
            raise refuse("above max_concurrency", f"{greatest} or less")
        return provisioned


class DataCaptureConfig(Section):
    """Requests and answers, kept below `captured/` in the data bucket.

    They are encrypted with its key and kept until `data.expire_runs_after_days`. They are what callers sent: texts,
    perhaps personal ones.
    """

    enabled: Annotated[bool, Also("false where serverless")] = Field(
        default=False, description="Whether requests and answers are kept."
    )
    sampling_percent: int = Field(default=100, ge=1, le=100, description="Share of the requests that is kept.")


class ServingConfig(Section):
    """The endpoint: what it runs on, how it scales and how it changes.

    A model is served from instances or, with `mode: serverless`, from workers that are started when a request comes:
    nothing is paid for while there are none, and the first request waits for a cold start. A request is then at most
    4 MB, and has a minute. SageMaker has no autoscaling of instances, variants, shadow, data capture, updates in steps,
    network isolation or GPU for it; what asks for them is refused. An endpoint of instances cannot become a serverless
    one: delete the stack `topicsmith-<name>-serving` first.

    With several targets the greater number of instances counts, and instances are removed only where all agree.
    """

    mode: Literal["instances", "serverless"] = Field(
        default="instances",
        description="What it runs on: instances, or workers that there are only while there are requests.",
    )
    instance_type: InstanceType = Field(default="ml.m5.large", description="Instance type of the endpoint.")
    min_instances: MinInstances = Field(default=1, description="Least number of instances.")
    max_instances: MaxInstances = Field(default=2, validate_default=True, description="Greatest number of instances.")
    # benchmarks/serving/load.py: half of what two cores answer within 250 ms is 9,756 requests of 100 texts, and the
    # two processors of the default instance are one core.
    invocations_per_instance: int = Field(
        default=5000, ge=1, description="Requests a minute and instance that autoscaling keeps to."
    )
    cpu_target: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="Use of an instance's processors that autoscaling keeps to as well, in percents of all of them.",
    )
    scale_in_cooldown_seconds: int = Field(default=300, ge=0, description="Pause after instances were removed.")
    scale_out_cooldown_seconds: int = Field(default=60, ge=0, description="Pause after instances were added.")
    scheduled_scaling: tuple[ScheduledScalingConfig, ...] = Field(
        default=(), strict=False, description="New limits of the number of instances at certain times."
    )
    weight: Annotated[float, Also("against the weights of `variants`")] = Field(
        default=1, ge=0, description="Share of the requests that the approved model gets."
    )
    variants: Annotated[
        tuple[VariantConfig, ...], Also("4 where two alarms of each roll updates back; none with `shadow`")
    ] = Field(default=(), max_length=9, strict=False, description="Further models that answer requests.")
    shadow: ShadowConfig | None = Field(
        default=None, description="A model that gets copies of requests, and of which nobody sees the answers."
    )
    model_package: ModelPackageArn | None = Field(
        default=None, description="ARN of the model package to serve; without it, approving a model serves it."
    )
    serverless: ServerlessConfig = Field(
        default=ServerlessConfig(), description="What requests get where there are no instances."
    )
    data_capture: DataCaptureConfig = Field(
        default=DataCaptureConfig(), description="What is kept of requests and answers."
    )
    update: UpdateConfig = Field(default=UpdateConfig(), description="How the endpoint goes over to another model.")

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
        """The instance types on which models are served, each once."""
        used = [self.instance_type, *(variant.instance_type for variant in self.variants)]
        return tuple(dict.fromkeys([*used, self.shadow.instance_type] if self.shadow else used))


def _check_different(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise refuse(f"the name {', '.join(twice)} stands twice", "different names")
