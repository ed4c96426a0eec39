"""Local storage by instance type, compared with EC2's own data, which moto carries."""

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES

from constructs.common.instance_types import is_arm, processing_instance_types, training_instance_types
from constructs.common.local_storage import local_storage_gb

TYPES = sorted({name for name in (*training_instance_types(), *processing_instance_types()) if not is_arm(name)})


@pytest.mark.parametrize("name", [name for name in TYPES if name.removeprefix("ml.") in INSTANCE_TYPES])
def test_sizes_are_those_of_ec2(name: str) -> None:
    there_is = INSTANCE_TYPES[name.removeprefix("ml.")].get("InstanceStorageInfo", {}).get("TotalSizeInGB")
    assert local_storage_gb(name) == there_is
