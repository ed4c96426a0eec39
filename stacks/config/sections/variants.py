"""The sections of models beside the approved one."""

from typing import Annotated

from pydantic import AfterValidator, Field

from constructs.serving.variants import ALL_TRAFFIC, SHADOW
from stacks.config.sections.base import Also, Section, Words, refuse
from stacks.config.sections.fleets import Instances, InstanceType, MaxInstances, MinInstances, ModelPackageArn


def _not_taken(name: str) -> str:
    if name in (ALL_TRAFFIC, SHADOW):
        raise refuse("a variant of this project has this name", f"any name but {ALL_TRAFFIC} and {SHADOW}")
    return name


class VariantConfig(Section):
    """A further model that answers a share of the requests, beside the approved one's variant `AllTraffic`.

    It scales by the same targets. A deployment that adds, removes or renames one needs `update: {rollback: false}`:
    SageMaker watches updates only between variants of the same names.
    """

    name: Annotated[
        str,
        Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$"),
        AfterValidator(_not_taken),
        Words("63 letters, digits and hyphens"),
        Also(f"each once, not {ALL_TRAFFIC} or {SHADOW}"),
    ] = Field(description="Name of the variant, which callers may ask for.")
    model_package: ModelPackageArn = Field(description="ARN of its model package.")
    weight: float = Field(ge=0, description="Its share of the requests is this among all weights.")
    instance_type: InstanceType = Field(default="ml.m5.large", description="Instance type of the variant.")
    min_instances: MinInstances = Field(default=1, description="Least number of instances.")
    max_instances: MaxInstances = Field(default=2, validate_default=True, description="Greatest number of instances.")


class ShadowConfig(Section):
    """A model that gets copies of the requests to the approved one.

    Its answers go nowhere but into metrics and, where it is enabled, data capture.
    """

    model_package: ModelPackageArn = Field(description="ARN of its model package.")
    sampling_percent: int = Field(default=100, ge=1, le=100, description="Share of the requests that is copied.")
    instance_type: InstanceType = Field(default="ml.m5.large", description="Instance type of the variant.")
    instances: Instances = Field(default=1, description="Number of instances; it does not change with load.")
