"""Field types shared by sections with endpoint instances."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from constructs.common.instance_types import hosting_instance_types
from stacks.config.sections.base import GREATEST, Also, OneOf, Words, check_instance_type, refuse, runs_our_image

_BURSTABLE = "ml.t2."


def _types_that_serve() -> list[str]:
    return [name for name in runs_our_image(hosting_instance_types()) if not name.startswith(_BURSTABLE)]


def _serves_here(instance_type: str) -> str:
    check_instance_type(instance_type, "endpoints", hosting_instance_types())
    if instance_type.startswith(_BURSTABLE):
        raise refuse("autoscaling does not support burstable instances", "for example ml.m5.large")
    return instance_type


def _not_below_min(max_instances: int, info: ValidationInfo) -> int:
    least = info.data.get("min_instances", 1)
    if max_instances < least:
        raise refuse("below min_instances", f"{least} or more")
    return max_instances


InstanceType = Annotated[
    str,
    AfterValidator(_serves_here),
    OneOf(_types_that_serve),
    Words(f"x86 instance types of SageMaker hosting, except {_BURSTABLE}*"),
    Also("a GPU only with builtin"),
]
Instances = Annotated[int, Field(ge=1, le=GREATEST)]
MinInstances = Annotated[Instances, Also("≥ 2 with canary or linear, and in production")]
MaxInstances = Annotated[Instances, AfterValidator(_not_below_min), Also("≥ `min_instances`")]
"""Maximum number of instances, not below the preceding ``min_instances``."""
ModelPackageArn = Annotated[
    str,
    Field(pattern=r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]{9,16}:[0-9]{12}:model-package/\S{1,2048}$"),
    Words("ARN of a model package of the region"),
]
