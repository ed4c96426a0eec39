"""What the sections say that put instances behind the endpoint."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from constructs.instance_types import hosting_instance_types
from stacks.config_sections.base import check_instance_type, refuse


def _serves_here(instance_type: str) -> str:
    check_instance_type(instance_type, "endpoints", hosting_instance_types())
    if instance_type.startswith("ml.t2."):
        raise refuse("autoscaling does not take burstable instances", "for example ml.m5.large")
    return instance_type


def _not_below_min(max_instances: int, info: ValidationInfo) -> int:
    least = info.data.get("min_instances", 1)
    if max_instances < least:
        raise refuse("below min_instances", f"{least} or more")
    return max_instances


InstanceType = Annotated[str, AfterValidator(_serves_here)]
Instances = Annotated[int, Field(ge=1)]
MaxInstances = Annotated[Instances, AfterValidator(_not_below_min)]
"""A number of instances that is not below the ``min_instances`` before it."""
ModelPackageArn = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]{9,16}:\d{12}:model-package/\S{1,2048}$")
]
