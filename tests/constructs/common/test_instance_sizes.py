import gzip
import json
from pathlib import Path
from typing import Any

import moto.ec2
import pytest

from constructs.common.instance_sizes import gpus, processors
from constructs.common.instance_types import has_gpu, hosting_instance_types


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """Answers of EC2's DescribeInstanceTypes by instance type, from moto's data."""
    (directory,) = moto.ec2.__path__
    file = Path(directory) / "resources" / "instance_types.json.gz"
    described = json.loads(gzip.decompress(file.read_bytes()))
    assert isinstance(described, dict)
    return described


def test_sizes_match_ec2s_descriptions_of_hosting_instances(described: dict[str, Any]) -> None:
    known = [name for name in hosting_instance_types() if name.removeprefix("ml.") in described]
    assert len(known) > 0.9 * len(hosting_instance_types())
    for name in known:
        instance = described[name.removeprefix("ml.")]
        assert processors(name) == instance["VCpuInfo"]["DefaultVCpus"], name
        assert gpus(name) == sum(gpu["Count"] for gpu in instance.get("GpuInfo", {}).get("Gpus", [])), name


@pytest.mark.parametrize(
    ("instance_type", "vcpus", "count"),
    [
        ("ml.p2.xlarge", 4, 1),
        ("ml.p2.8xlarge", 32, 8),
        ("ml.p2.16xlarge", 64, 16),
        ("ml.p3.2xlarge", 8, 1),
        ("ml.p3.8xlarge", 32, 4),
        ("ml.p3.16xlarge", 64, 8),
        ("ml.dl1.24xlarge", 96, 0),
        ("ml.p6e-gb200.36xlarge", 144, 4),
    ],
)
def test_sizes_of_instances_unknown_to_ec2(
    described: dict[str, Any], instance_type: str, vcpus: int, count: int
) -> None:
    assert instance_type.removeprefix("ml.") not in described
    assert (processors(instance_type), gpus(instance_type)) == (vcpus, count)


def test_every_instance_has_vcpus_and_gpu_instances_have_gpus() -> None:
    for name in hosting_instance_types():
        assert processors(name) >= 1
        assert (gpus(name) > 0) == has_gpu(name)


def test_a_name_without_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown instance size 'metal' in 'ml\.m5\.metal'; allowed: medium"):
        processors("ml.m5.metal")
