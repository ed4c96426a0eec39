"""How many processors and GPUs an instance has, as its name says.

SageMaker's instances are EC2's: a size ``xlarge`` has 4 virtual processors, ``2xlarge`` twice as many, and so on
(https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html); what breaks the rule is listed. The tests
hold this to EC2's own description of its instances.
"""

import re

from constructs.common.instance_types import has_gpu

_MULTIPLE = re.compile(r"(\d*)xlarge")
_SMALL = {"medium": 1, "large": 2}
_UNUSUAL_PROCESSORS = {"ml.t2.medium": 2, "ml.c4.8xlarge": 36}

# Families in the order in which the first that matches counts; sizes that are not listed have one GPU.
_GPUS: tuple[tuple[str, dict[int, int]], ...] = (
    (r"ml\.p2\.", {8: 8, 16: 16}),
    (r"ml\.p3\.", {8: 4, 16: 8}),
    (r"ml\.p[4-6]", {24: 8, 36: 4, 48: 8}),
    (r"ml\.g7", {12: 2, 24: 4, 48: 8}),
    (r"ml\.g", {12: 4, 24: 4, 48: 8}),
)


def processors(instance_type: str) -> int:
    """Return the number of an instance's virtual processors, for example 2 for ``ml.m5.large``.

    Raises:
        ValueError: the name has no size.
    """
    if instance_type in _UNUSUAL_PROCESSORS:
        return _UNUSUAL_PROCESSORS[instance_type]
    size = instance_type.rpartition(".")[2]
    return _SMALL[size] if size in _SMALL else 4 * _multiple(instance_type)


def gpus(instance_type: str) -> int:
    """Return the number of an instance's NVIDIA GPUs, for example 4 for ``ml.g5.12xlarge``.

    Raises:
        ValueError: the name has no size.
    """
    if not has_gpu(instance_type):
        return 0
    counts = next(counts for family, counts in _GPUS if re.match(family, instance_type))
    return counts.get(_multiple(instance_type), 1)


def _multiple(instance_type: str) -> int:
    size = instance_type.rpartition(".")[2]
    match = _MULTIPLE.fullmatch(size)
    if match is None:
        raise ValueError(
            f"no size is known by the name {size!r} in {instance_type!r}; allowed: medium, large, <n>xlarge"
        )
    return int(match[1] or 1)
