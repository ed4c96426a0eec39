"""Instance types of SageMaker and their properties.

The names follow EC2's convention (https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html):
family, generation, then letters for the processor and the options, for example ``d`` for local NVMe volumes.
"""

import re
from functools import cache

from botocore.loaders import Loader

_GPU = re.compile(r"ml\.[gp]\d")
_ACCELERATOR = re.compile(r"ml\.([gp]|inf|trn|dl)\d")
_ARM = re.compile(r"ml\.([a-z]+\dg|\w+-gb)")
_LOCAL_STORAGE = re.compile(r"ml\.([a-z]+\d+[a-z]*d|[gp][5-9]|trn\d|dl\d)")


def training_instance_types() -> tuple[str, ...]:
    """Return the instance types that ``CreateTrainingJob`` accepts, according to the installed botocore."""
    return _enumeration("TrainingInstanceType")


def hosting_instance_types() -> tuple[str, ...]:
    """Return the instance types that production variants of endpoints accept."""
    return _enumeration("ProductionVariantInstanceType")


def processing_instance_types() -> tuple[str, ...]:
    """Return the instance types that ``CreateProcessingJob`` accepts."""
    return _enumeration("ProcessingInstanceType")


def transform_instance_types() -> tuple[str, ...]:
    """Return the instance types that ``CreateTransformJob`` accepts."""
    return _enumeration("TransformInstanceType")


def has_gpu(instance_type: str) -> bool:
    """Return whether the instance has an NVIDIA GPU."""
    return _GPU.match(instance_type) is not None


def has_accelerator(instance_type: str) -> bool:
    """Return whether the instance has a GPU or another accelerator: AWS Inferentia, AWS Trainium or Intel Gaudi."""
    return _ACCELERATOR.match(instance_type) is not None


def is_arm(instance_type: str) -> bool:
    """Return whether the instance has an Arm processor (Graviton, Grace), which cannot run x86 images."""
    return _ARM.match(instance_type) is not None


def has_local_storage(instance_type: str) -> bool:
    """Return whether the instance stores its data on local NVMe volumes.

    These are encrypted in hardware, and SageMaker rejects a KMS key for the volume of such an instance
    (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html, ``VolumeKmsKeyId``).
    """
    return _LOCAL_STORAGE.match(instance_type) is not None


@cache
def _enumeration(shape: str) -> tuple[str, ...]:
    model = Loader().load_service_model("sagemaker", "service-2")
    return tuple(model["shapes"][shape]["enum"])
