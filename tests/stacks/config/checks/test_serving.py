"""Conflicts within the serving section and between it and other sections."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stacks.config.environment import EnvironmentConfig

_PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-test/7"
_ELSEWHERE = _PACKAGE.replace("us-east-1", "eu-west-1")
_B = {"name": "B", "model_package": _PACKAGE, "weight": 0.1}
_SHADOW = {"model_package": _PACKAGE}
_DAY = {"name": "day", "schedule": "rate(1 day)", "min_instances": 2, "max_instances": 4}
_CANARY = {"policy": "canary", "size_instances": 1}
_LINEAR = {"policy": "linear", "size_percent": 25}


def _problems(alarms: dict[str, Any] | None = None, **serving: Any) -> dict[str, str]:
    try:
        EnvironmentConfig.model_validate({"region": "us-east-1", "serving": serving, "alarms": alarms or {}})
    except ValidationError as error:
        return {".".join(map(str, detail["loc"])): detail["msg"] for detail in error.errors()}
    return {}


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("instance_type", "ml.m5.xlarge", "has no instances"),
        ("min_instances", 1, "has no instances"),
        ("max_instances", 2, "has no instances"),
        ("invocations_per_instance", 600, "has no instances"),
        ("cpu_target", 70, "has no instances"),
        ("scale_in_cooldown_seconds", 300, "has no instances"),
        ("scale_out_cooldown_seconds", 60, "has no instances"),
        ("scheduled_scaling", [_DAY], "has no instances"),
        ("variants", [_B], "has one variant"),
        ("shadow", _SHADOW, "cannot have a shadow variant"),
        ("update", {"termination_wait_seconds": 60}, "always updated all at once"),
    ],
)
def test_settings_that_a_serverless_endpoint_lacks(key: str, value: object, reason: str) -> None:
    assert _problems(**{key: value}) == {}
    assert set(found := _problems(mode="serverless", **{key: value})) == {f"serving.{key}"}
    assert reason in found[f"serving.{key}"]
    assert found[f"serving.{key}"].endswith("or serving.mode: instances")


def test_a_serverless_endpoint_captures_nothing() -> None:
    found = _problems(mode="serverless", data_capture={"enabled": True})
    assert found["serving.data_capture.enabled"].startswith("SageMaker does not capture data of serverless endpoints")
    assert _problems(mode="serverless", data_capture={"enabled": False}) == {}


def test_a_serverless_endpoint_needs_no_settings() -> None:
    assert _problems(mode="serverless") == {}
    assert _problems(mode="serverless", serverless={"memory_mb": 1024}, cpu_target=None, shadow=None) == {}


def test_instances_have_no_serverless_settings() -> None:
    assert "the endpoint has instances" in _problems(serverless={"memory_mb": 1024})["serving.serverless"]


def test_a_shadow_needs_a_single_variant() -> None:
    found = _problems(shadow=_SHADOW, variants=[_B])
    assert found["serving.variants"].startswith("an endpoint with a shadow variant has a single production variant")


def test_at_least_one_variant_must_get_requests() -> None:
    assert "no variant would receive requests" in _problems(weight=0, variants=[{**_B, "weight": 0}])["serving.weight"]
    assert _problems(weight=0, variants=[_B]) == {}


@pytest.mark.parametrize(
    ("serving", "key"),
    [
        ({"model_package": _ELSEWHERE}, "serving.model_package"),
        ({"variants": [_B, {**_B, "name": "C", "model_package": _ELSEWHERE}]}, "serving.variants.1.model_package"),
        ({"shadow": {"model_package": _ELSEWHERE}}, "serving.shadow.model_package"),
    ],
)
def test_models_must_be_in_the_endpoints_region(serving: dict[str, object], key: str) -> None:
    reason = "an endpoint only serves models of its own region; allowed: a model package in us-east-1"
    assert _problems(**serving) == {key: reason}


@pytest.mark.parametrize("update", [_CANARY, _LINEAR])
def test_a_fleet_of_one_cannot_be_updated_in_steps(update: dict[str, object]) -> None:
    limits = {"min_instances": 2, "max_instances": 4}
    assert _problems(**limits, update=update) == {}
    found = _problems(**limits, update=update, scheduled_scaling=[{**_DAY, "min_instances": 1}], variants=[_B])
    assert found.keys() == {"serving.scheduled_scaling.0.min_instances", "serving.variants.0.min_instances"}
    assert _problems(update=update).keys() == {"serving.min_instances"}


@given(
    policy=st.sampled_from(["canary", "linear"]),
    size=st.integers(1, 20),
    least=st.integers(2, 30),
    more=st.integers(0, 100),
)
def test_steps_in_instances_must_fit_every_possible_fleet(policy: str, size: int, least: int, more: int) -> None:
    """A canary is at most half of the fleet; a step is between a tenth and half of it."""
    update = {"policy": policy, "size_instances": size, "max_execution_seconds": 28_800}
    found = _problems(min_instances=least, max_instances=least + more, update=update)
    fits = 2 * size <= least and (policy == "canary" or 10 * size >= least + more)
    assert ("serving.update.size_instances" not in found) == fits


def test_schedules_and_variants_count_as_possible_fleets() -> None:
    limits = {"min_instances": 4, "max_instances": 10, "update": {"policy": "linear", "size_instances": 2}}
    assert _problems(**limits) == {}
    found = _problems(**limits, scheduled_scaling=[{**_DAY, "min_instances": 2}])
    assert "more than half of the smallest fleet, 2 instances" in found["serving.update.size_instances"]
    assert found["serving.update.size_instances"].endswith("allowed: 1 or less")
    found = _problems(**limits, variants=[{**_B, "min_instances": 4, "max_instances": 25}])
    assert "less than a tenth of the largest fleet, 25 instances" in found["serving.update.size_instances"]
    assert "allowed: 3 or more, or serving.update.size_percent" in found["serving.update.size_instances"]


@given(
    percent=st.integers(10, 50),
    wait=st.integers(300, 3600),
    termination=st.integers(0, 3600),
    most=st.integers(600, 28_800),
)
def test_an_updates_time_limit_must_cover_its_pauses(percent: int, wait: int, termination: int, most: int) -> None:
    """An update pauses between its steps and before it terminates the old fleet."""
    times = {"wait_seconds": wait, "termination_wait_seconds": termination, "max_execution_seconds": most}
    pauses = (math.ceil(100 / percent) - 1) * wait + termination
    update = {"policy": "linear", "size_percent": percent, **times}
    found = _problems(min_instances=2, update=update)
    assert ("serving.update.max_execution_seconds" in found) == (most <= pauses)
    if most <= pauses:
        assert found["serving.update.max_execution_seconds"].endswith(f"allowed: more than {pauses}")


@pytest.mark.parametrize(
    ("update", "pauses"),
    [
        ({"policy": "all_at_once", "termination_wait_seconds": 3600}, 3600),
        ({"policy": "canary", "size_instances": 1, "wait_seconds": 3000}, 3000),
        ({"policy": "linear", "size_instances": 1, "wait_seconds": 900}, 2700),
    ],
)
def test_the_pauses_of_each_policy(update: dict[str, object], pauses: int) -> None:
    limits = {"min_instances": 2, "max_instances": 4}
    assert _problems(**limits, update={**update, "max_execution_seconds": pauses + 1}) == {}
    found = _problems(**limits, update={**update, "max_execution_seconds": pauses})
    assert found.keys() == {"serving.update.max_execution_seconds"}


def test_alarms_must_be_able_to_go_off_within_a_step() -> None:
    limits = {"min_instances": 2}
    assert _problems({"enabled": False}) == {}
    found = _problems({"enabled": False}, **limits, update=_CANARY)
    assert found["serving.update.policy"].startswith("without alarms, nothing is monitored between the steps")
    slow = {"period_seconds": 300, "evaluation_periods": 3, "datapoints_to_alarm": 2}
    found = _problems(slow, **limits, update={**_CANARY, "wait_seconds": 599})
    assert found["serving.update.wait_seconds"].endswith("shorter than an alarm takes to go off; allowed: 600 or more")
    assert _problems(slow, **limits, update={**_CANARY, "wait_seconds": 600}) == {}
