"""ARNs of another partition."""

from typing import Any

import pytest
from pydantic import ValidationError

from stacks.config.environment import EnvironmentConfig


def _values(partition: str) -> dict[str, dict[str, Any]]:
    package = f"arn:{partition}:sagemaker:us-gov-west-1:123456789012:model-package/topicsmith-dev/7"
    variant = {"name": "B", "model_package": package, "weight": 1}
    return {
        "permissions_boundary": {"permissions_boundary": f"arn:{partition}:iam::123456789012:policy/limits"},
        "serving.model_package": {"serving": {"model_package": package}},
        "serving.variants.0.model_package": {"serving": {"variants": [variant]}},
        "serving.shadow.model_package": {"serving": {"shadow": {"model_package": package}}},
    }


@pytest.mark.parametrize("key", _values(""))
def test_an_arn_is_of_the_partition_of_the_region(key: str) -> None:
    EnvironmentConfig.model_validate({"region": "us-gov-west-1", **_values("aws-us-gov")[key]})
    with pytest.raises(ValidationError, match="us-gov-west-1 is in the partition aws-us-gov") as refused:
        EnvironmentConfig.model_validate({"region": "us-gov-west-1", **_values("aws")[key]})
    assert [".".join(map(str, error["loc"])) for error in refused.value.errors()] == [key]


def test_a_boundary_without_arn_is_of_every_partition() -> None:
    EnvironmentConfig.model_validate({"region": "us-gov-west-1", "permissions_boundary": "limits/topics"})
