"""Instance types whose accelerator is not used."""

from typing import Any

import pytest
from pydantic import ValidationError

from stacks.config.environment import EnvironmentConfig

_PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-dev/7"


def _problems(**values: Any) -> dict[str, str]:
    try:
        EnvironmentConfig.model_validate({"region": "us-east-1", **values})
    except ValidationError as error:
        return {".".join(map(str, detail["loc"])): detail["msg"] for detail in error.errors()}
    return {}


def _serving(instance_type: str) -> dict[str, dict[str, Any]]:
    """Return settings with this type wherever models infer, by the key of the type."""
    variant = {"name": "B", "model_package": _PACKAGE, "weight": 1, "instance_type": instance_type}
    shadow = {"model_package": _PACKAGE, "instance_type": instance_type}
    return {
        "serving.instance_type": {"serving": {"instance_type": instance_type}},
        "serving.variants.0.instance_type": {"serving": {"variants": [variant]}},
        "serving.shadow.instance_type": {"serving": {"shadow": shadow}},
        "vectorize.instance_type": {"vectorize": {"instance_type": instance_type}},
    }


@pytest.mark.parametrize("key", _serving(""))
def test_the_container_infers_without_a_gpu(key: str) -> None:
    gpu = _serving("ml.g5.xlarge")[key]
    assert "the container infers on the CPU" in _problems(**gpu)[key]
    assert _problems(**gpu, algorithm="builtin") == {}
    assert _problems(**_serving("ml.m5.xlarge")[key]) == {}


@pytest.mark.parametrize("key", _serving(""))
def test_the_built_in_algorithm_infers_on_the_gpus_that_it_supports(key: str) -> None:
    found = _problems(**_serving("ml.g6.xlarge")[key], algorithm="builtin")
    assert "ml.p2.*, ml.p3.*, ml.g4dn.*, ml.g5.*" in found[key]


@pytest.mark.parametrize("algorithm", ["container", "builtin"])
@pytest.mark.parametrize("key", _serving(""))
def test_no_algorithm_infers_on_other_accelerators(key: str, algorithm: str) -> None:
    found = _problems(**_serving("ml.inf2.xlarge")[key], algorithm=algorithm)
    assert "neither algorithm uses its accelerator" in found[key]


@pytest.mark.parametrize("section", ["training", "tuning"])
def test_no_algorithm_trains_on_other_accelerators(section: str) -> None:
    found = _problems(**{section: {"instance_type": "ml.trn1.2xlarge", "allow_cpu": True}})
    assert "neither algorithm uses its accelerator" in found[f"{section}.instance_type"]


@pytest.mark.parametrize("algorithm", ["container", "builtin"])
def test_the_evaluation_needs_no_accelerator(algorithm: str) -> None:
    found = _problems(evaluation={"instance_type": "ml.g5.xlarge"}, algorithm=algorithm)
    assert "the evaluation runs on the CPU" in found["evaluation.instance_type"]
