"""A change of a scaled variant that SageMaker refuses is reported, with the way to make it."""

from typing import Any

import pytest

from tests.topicsmith.diff.support import Case, compare_all, resource
from topicsmith.diff.model.changes import Change


def _stack(instance_type: str, *, variant: str = "AllTraffic", scaled: bool = True) -> dict[str, Any]:
    config = resource(
        "AWS::SageMaker::EndpointConfig",
        ProductionVariants=[{"VariantName": variant, "InstanceType": instance_type, "ModelName": "model"}],
    )
    target = resource(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        ServiceNamespace="sagemaker",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        ResourceId={"Fn::Join": ["", ["endpoint/", {"Ref": "Endpoint"}, f"/variant/{variant}"]]},
        MinCapacity=1,
        MaxCapacity=2,
    )
    return {"Config": config, **({"Target": target} if scaled else {})}


CASES = {
    "type": Case(_stack("ml.m5.large"), _stack("ml.m5.xlarge")),
    "type-and-target": Case(_stack("ml.m5.large"), _stack("ml.m5.xlarge", scaled=False)),
    "renamed": Case(_stack("ml.m5.large"), _stack("ml.m5.large", variant="Other")),
    "first-step": Case(_stack("ml.m5.large"), _stack("ml.m5.large", scaled=False)),
    "second-step": Case(_stack("ml.m5.large", scaled=False), _stack("ml.m5.xlarge", scaled=False)),
    "third-step": Case(_stack("ml.m5.xlarge", scaled=False), _stack("ml.m5.xlarge")),
}


@pytest.fixture(scope="module")
def found() -> dict[str, list[Change]]:
    return compare_all(CASES)


def _about_scaling(changes: list[Change]) -> list[str]:
    return [change.message for change in changes if change.rule == "scaled-variant"]


@pytest.mark.parametrize("case", ["type", "type-and-target"])
def test_another_instance_type_of_a_scaled_variant_is_reported(found: dict[str, list[Change]], case: str) -> None:
    (message,) = _about_scaling(found[case])
    assert message.startswith("The scaled variant AllTraffic gets another instance type")
    (change,) = (change for change in found[case] if change.rule == "scaled-variant")
    assert "serving.autoscaling: false" in str(change.way_out)


def test_a_scaled_variant_that_disappears_is_reported(found: dict[str, list[Change]]) -> None:
    (message,) = _about_scaling(found["renamed"])
    assert message.startswith("The scaled variant AllTraffic is removed")


@pytest.mark.parametrize("case", ["first-step", "second-step", "third-step"])
def test_the_steps_of_the_way_out_are_not_reported(found: dict[str, list[Change]], case: str) -> None:
    assert _about_scaling(found[case]) == []
