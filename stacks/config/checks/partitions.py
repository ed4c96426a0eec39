"""Checks of ARNs against the partition of the region: AWS's own, China's, GovCloud's and others."""

from functools import cache

import botocore.session

from stacks.config.sections.base import Conflicts, conflict
from stacks.config.sections.environment import EnvironmentFields


def partition_conflicts(config: EnvironmentFields) -> Conflicts:
    """Return the ARNs of another partition, in which nothing of this one can be used."""
    serving = config.serving
    arns = {"permissions_boundary": config.permissions_boundary, "serving.model_package": serving.model_package}
    arns |= {f"serving.variants.{index}.model_package": one.model_package for index, one in enumerate(serving.variants)}
    arns["serving.shadow.model_package"] = serving.shadow.model_package if serving.shadow else None
    here = _partition(config.region)
    for key, arn in arns.items():
        # A boundary may also be a name.
        if arn is not None and arn.startswith("arn:") and arn.split(":")[1] != here:
            yield conflict(
                key, arn, f"{config.region} is in the partition {here}", f"an ARN that begins with arn:{here}:"
            )


@cache
def _partition(region: str) -> str:
    return str(botocore.session.Session().get_partition_for_region(region))
