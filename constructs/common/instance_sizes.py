"""vCPU and GPU counts, derived from the names of instance types.

SageMaker's instances are EC2's: ``xlarge`` has 4 vCPUs, ``2xlarge`` twice as many, and so on
(https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html); exceptions are listed. The tests compare the
results with EC2's own descriptions.
"""

import re

from constructs.common.instance_types import has_gpu

_MULTIPLE = re.compile(r"(\d*)xlarge")
_SMALL = {"medium": 1, "large": 2}
_UNUSUAL_PROCESSORS = {"ml.t2.medium": 2, "ml.c4.8xlarge": 36}

# The first matching family wins; sizes that are not listed have one GPU.
_GPUS: tuple[tuple[str, dict[int, int]], ...] = (
    (r"ml\.p2\.", {8: 8, 16: 16}),
    (r"ml\.p3\.", {8: 4, 16: 8}),
    (r"ml\.p[4-6]", {24: 8, 36: 4, 48: 8}),
    (r"ml\.g7", {12: 2, 24: 4, 48: 8}),
    (r"ml\.g", {12: 4, 24: 4, 48: 8}),
)


def processors(instance_type: str) -> int:
    """Return the number of vCPUs of an instance type, for example 2 for ``ml.m5.large``.

    Raises:
        ValueError: The size is unknown.
    """
    if instance_type in _UNUSUAL_PROCESSORS:
        return _UNUSUAL_PROCESSORS[instance_type]
    size = instance_type.rpartition(".")[2]
    return _SMALL[size] if size in _SMALL else 4 * _multiple(instance_type)


def gpus(instance_type: str) -> int:
    """Return the number of NVIDIA GPUs of an instance type, for example 4 for ``ml.g5.12xlarge``.

    Raises:
        ValueError: The size is unknown.
    """
    if not has_gpu(instance_type):
        return 0
    counts = next(counts for family, counts in _GPUS if re.match(family, instance_type))
    return counts.get(_multiple(instance_type), 1)


def _multiple(instance_type: str) -> int:
    size = instance_type.rpartition(".")[2]
    match = _MULTIPLE.fullmatch(size)
    if match is None:
        raise ValueError(f"unknown instance size {size!r} in {instance_type!r}; allowed: medium, large, <n>xlarge")
    return int(match[1] or 1)
