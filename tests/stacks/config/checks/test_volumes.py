"""Volumes of jobs on instances with local storage."""

from typing import Any

import pytest
from pydantic import ValidationError

from stacks.config.environment import EnvironmentConfig


@pytest.mark.parametrize(
    ("environment", "key"),
    [
        ({"training": {"instance_type": "ml.g5.xlarge", "volume_gb": 251}}, "training.volume_gb"),
        ({"tuning": {"instance_type": "ml.g4dn.xlarge", "volume_gb": 126}}, "tuning.volume_gb"),
        ({"evaluation": {"instance_type": "ml.r5d.large", "volume_gb": 76}}, "evaluation.volume_gb"),
    ],
)
def test_a_volume_is_not_larger_than_the_local_storage(environment: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError, match=rf"{key}\n.*of local storage in place of a volume"):
        EnvironmentConfig.model_validate({"region": "us-east-1", **environment})


def test_a_volume_may_be_as_large_as_the_local_storage_or_an_ebs_volume() -> None:
    EnvironmentConfig.model_validate(
        {
            "region": "us-east-1",
            "training": {"instance_type": "ml.g5.xlarge", "volume_gb": 250},
            "tuning": {"enabled": False, "volume_gb": 500},
            "evaluation": {"volume_gb": 500},
        }
    )
