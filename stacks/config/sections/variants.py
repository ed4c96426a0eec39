"""Further variants and the shadow variant of the endpoint."""

from typing import Annotated

from pydantic import AfterValidator, Field

from constructs.serving.variants import ALL_TRAFFIC, SHADOW
from stacks.config.sections.base import GREATEST_FLOAT, Also, Section, Words, refuse
from stacks.config.sections.fleets import Instances, InstanceType, MaxInstances, MinInstances, ModelPackageArn

OF_UPDATES = "-update"
"""End of the prefix of alarms that watch updates; see ``constructs.monitoring.rollback_alarms``."""


def _not_taken(name: str) -> str:
    if f"-{name}".endswith(OF_UPDATES):
        raise refuse("alarms that watch updates have this name", f"a name that does not end in {OF_UPDATES[1:]}")
    if name in (ALL_TRAFFIC, SHADOW):
        raise refuse("the name is reserved", f"any name but {ALL_TRAFFIC} and {SHADOW}")
    return name


class VariantConfig(Section):
    """Further model that serves a share of the requests, next to the approved model's variant `AllTraffic`.

    It has the same scaling targets. A deployment that adds, removes or renames a variant needs
    `update: {rollback: false}`: SageMaker only monitors updates between variants of the same names.
    """

    name: Annotated[
        str,
        Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$"),
        AfterValidator(_not_taken),
        Words("63 letters, digits and hyphens"),
        Also(f"each once, not {ALL_TRAFFIC} or {SHADOW}, without {OF_UPDATES[1:]} as the last word"),
    ] = Field(description="Name of the variant, which callers may target.")
    model_package: ModelPackageArn = Field(description="ARN of the model package.")
    weight: float = Field(
        ge=0, le=GREATEST_FLOAT, description="Share of the requests, relative to the sum of all weights."
    )
    instance_type: InstanceType = Field(default="ml.m5.large", description="Instance type of the variant.")
    min_instances: MinInstances = Field(default=1, description="Minimum number of instances.")
    max_instances: MaxInstances = Field(default=2, validate_default=True, description="Maximum number of instances.")


class ShadowConfig(Section):
    """Model that receives copies of the requests to the approved one.

    Its responses are discarded, except for metrics and, if enabled, data capture.
    """

    model_package: ModelPackageArn = Field(description="ARN of the model package.")
    sampling_percent: int = Field(default=100, ge=1, le=100, description="Percentage of requests to copy.")
    instance_type: InstanceType = Field(default="ml.m5.large", description="Instance type of the variant.")
    instances: Instances = Field(default=1, description="Fixed number of instances.")
