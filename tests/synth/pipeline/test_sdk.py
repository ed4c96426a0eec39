"""Cross-check with the SageMaker Python SDK: its definition of these steps and its limits for NTM."""

import warnings
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from stacks.config.sections.training import Hyperparameters, TrainingConfig
from tests.synth.assembly import JsonObject
from tests.synth.pipeline.pipeline import steps_of
from tests.synth.pipeline.sdk_pipeline import written_by_the_sdk

with warnings.catch_warnings(action="ignore"):
    from sagemaker.amazon.ntm import NTM


def test_the_sdk_writes_the_same_pipeline(any_definition: JsonObject) -> None:
    theirs = written_by_the_sdk(any_definition)
    # The SDK writes some of the API's defaults explicitly.
    for step in steps_of(theirs):
        arguments = step["Arguments"]
        arguments.pop("SkipModelValidation", None)
        if not arguments.get("NetworkConfig", {}).get("EnableNetworkIsolation", True):
            del arguments["NetworkConfig"]["EnableNetworkIsolation"]
        assert arguments.get("ModelMetrics", {}).pop("Bias", {}) == {}
        # A grid determines the number of training jobs itself.
        limits = arguments.get("HyperParameterTuningJobConfig", {}).get("ResourceLimits", {})
        if limits.get("MaxNumberOfTrainingJobs", 0) is None:
            del limits["MaxNumberOfTrainingJobs"]
        containers = arguments.get("InferenceSpecification", {}).get("Containers", [])
        containers += [arguments["PrimaryContainer"]] if "PrimaryContainer" in arguments else []
        for container in containers:
            assert container.pop("Environment") == {}
    assert any_definition["Steps"] == theirs["Steps"]
    assert any_definition["Parameters"] == theirs["Parameters"]
    assert any_definition["Version"] == theirs["Version"]


def _accepted_by_us(name: str, value: Any) -> bool:
    try:
        if name == "num_topics":
            TrainingConfig.model_validate({name: value})
        else:
            Hyperparameters.model_validate({name: value})
    except ValidationError:
        return False
    return True


def _accepted_by_the_sdk(name: str, value: Any) -> bool:
    try:
        vars(NTM)[name].validate(value)
    except ValueError:
        return False
    return True


_FLOATS = ("tolerance", "rescale_gradient", "clip_gradient", "weight_decay", "learning_rate")


@given(name=st.sampled_from(_FLOATS), value=st.floats(-0.1, 1.1) | st.floats(0, 2e-6) | st.floats(0, 2e-3))
@example(name="learning_rate", value=1e-6)
@example(name="learning_rate", value=1.0)
@example(name="tolerance", value=0.1)
@example(name="rescale_gradient", value=1e-3)
def test_limits_of_numbers_match_the_sdk(name: str, value: float) -> None:
    assert _accepted_by_us(name, value) == _accepted_by_the_sdk(name, value)


@given(value=st.integers(-5, 1100))
@example(value=1)
@example(value=2)
@example(value=1000)
@example(value=1001)
def test_limits_of_the_number_of_topics_match_the_sdk(value: int) -> None:
    assert _accepted_by_us("num_topics", value) == _accepted_by_the_sdk("num_topics", value)


@given(name=st.sampled_from(("epochs", "num_patience_epochs")), value=st.integers(-5, 10))
def test_limits_of_counts_match_the_sdk(name: str, value: int) -> None:
    """Checked up to ten only: beyond that, the SDK has limits that the algorithm's documentation lacks."""
    assert _accepted_by_us(name, value) == _accepted_by_the_sdk(name, value)


@pytest.mark.parametrize("name", ["optimizer", "encoder_layers_activation"])
@given(value=st.sampled_from(["sgd", "adam", "adagrad", "adadelta", "rmsprop", "sigmoid", "tanh", "relu", "gelu", ""]))
def test_choices_match_the_sdk(name: str, value: str) -> None:
    assert _accepted_by_us(name, value) == _accepted_by_the_sdk(name, value)
