from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.sagemaker.exceptions import ValidationError

from localcloud.services.sagemaker.hosting.update_policies import UpdatePolicy


def _config(kind: str, size: dict[str, Any] | None = None, **policy: Any) -> dict[str, Any]:
    member = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(kind)
    traffic = {"Type": kind, "WaitIntervalInSeconds": 60, **({member: size} if member and size else {})}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic, **policy}}


def _percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def _instances(value: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": value}


def test_default_is_all_at_once_without_a_wait() -> None:
    assert UpdatePolicy.of(None) == UpdatePolicy.of({}) == UpdatePolicy()
    assert UpdatePolicy().shares([1]) == [1.0]


def test_alarms_count_without_a_policy_too() -> None:
    config = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]}}
    assert UpdatePolicy.of(config).alarms == ("a", "b")


def test_full_policy_is_parsed() -> None:
    config = _config("CANARY", _percent(30), TerminationWaitInSeconds=120, MaximumExecutionTimeoutInSeconds=1800) | {
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "5xx"}]}
    }
    policy = UpdatePolicy.of(config)
    assert (policy.routing, policy.wait_seconds, policy.termination_wait_seconds) == ("CANARY", 60, 120)
    assert (policy.maximum_seconds, policy.alarms) == (1800, ("5xx",))


@pytest.mark.parametrize(
    ("kind", "size", "counts", "shares"),
    [
        ("ALL_AT_ONCE", None, [3], [1.0]),
        ("CANARY", _percent(30), [3], [0.3, 1.0]),
        ("CANARY", _percent(50), [1], [0.5, 1.0]),
        ("CANARY", _percent(10), [], [0.1, 1.0]),
        ("CANARY", _instances(1), [4], [0.25, 1.0]),
        ("LINEAR", _percent(30), [1], [0.3, 0.6, 0.9, 1.0]),
        ("LINEAR", _percent(50), [2], [0.5, 1.0]),
        ("LINEAR", _instances(2), [8, 4], [0.5, 1.0]),
    ],
)
def test_shares(kind: str, size: dict[str, Any] | None, counts: list[int], shares: list[float]) -> None:
    assert UpdatePolicy.of(_config(kind, size)).shares(counts) == pytest.approx(shares)


@given(
    kind=st.sampled_from(["CANARY", "LINEAR"]),
    size=st.one_of(st.integers(10, 50).map(_percent), st.integers(1, 10).map(_instances)),
    count=st.integers(1, 100),
)
def test_shares_grow_to_all_in_allowed_steps_or_are_refused(kind: str, size: dict[str, Any], count: int) -> None:
    policy = UpdatePolicy.of(_config(kind, size))
    step = size["Value"] / (100 if size["Type"] == "CAPACITY_PERCENT" else count)
    if step > 0.5 or (kind == "LINEAR" and step < 0.1):
        with pytest.raises(ValidationError, match="allowed"):
            policy.shares([count])
        return
    shares = policy.shares([count])
    assert shares[-1] == 1.0
    assert shares == sorted(set(shares))
    steps = [after - before for before, after in zip([0.0, *shares], shares, strict=False)]
    assert steps[0] <= 0.5
    assert kind == "CANARY" or max(steps) <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"RollingUpdatePolicy": {}}, "RollingUpdatePolicy: the local cloud supports only BlueGreenUpdatePolicy"),
        (_config("SUDDEN"), "Type is 'SUDDEN'; allowed: ALL_AT_ONCE, CANARY, LINEAR"),
        (_config("CANARY"), "CanarySize is required if TrafficRoutingConfiguration.Type is CANARY"),
        (_config("LINEAR", {"Type": "PERCENT", "Value": 10}), "LinearStepSize.Type is 'PERCENT'"),
        (_config("LINEAR", _percent(0)), "LinearStepSize.Value is 0; allowed: 1 or more"),
        (_config("ALL_AT_ONCE", TerminationWaitInSeconds=3601), "TerminationWaitInSeconds is 3601; allowed: 0 to 3600"),
        (
            _config("ALL_AT_ONCE", MaximumExecutionTimeoutInSeconds=60),
            "MaximumExecutionTimeoutInSeconds is 60; allowed: 600 to 28800",
        ),
        (
            _config("ALL_AT_ONCE", TerminationWaitInSeconds=3600, MaximumExecutionTimeoutInSeconds=3600),
            "MaximumExecutionTimeoutInSeconds is 3600; allowed: 3660 to 28800",
        ),
        (
            {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": str(number)} for number in range(11)]}},
            "11 alarms; allowed: 10",
        ),
    ],
)
def test_wrong_config_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        UpdatePolicy.of(config)


def test_size_of_another_routing_is_refused() -> None:
    config = _config("CANARY", _percent(10))
    config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["LinearStepSize"] = _percent(10)
    with pytest.raises(ValidationError, match=r"LinearStepSize is not allowed if .* is CANARY"):
        UpdatePolicy.of(config)


@pytest.mark.parametrize(
    ("kind", "size", "counts", "message"),
    [
        ("CANARY", _percent(51), [4], "51% of the variant's capacity; allowed: at most 50%"),
        ("CANARY", _instances(1), [1], "CanarySize is 1 INSTANCE_COUNT of 1 instances, 100%"),
        ("LINEAR", _percent(5), [4], "5% of the variant's capacity; allowed: 10% to 50%"),
        ("LINEAR", _instances(1), [], "A serverless variant has no instances"),
    ],
)
def test_size_must_fit_the_fleet(kind: str, size: dict[str, Any], counts: list[int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        UpdatePolicy.of(_config(kind, size)).shares(counts)
