"""Decisions of target tracking, with an injected clock."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.cloudwatch.models import cloudwatch_backends

from localcloud.services.applicationautoscaling import target_tracking
from localcloud.services.applicationautoscaling.models import LocalApplicationAutoScaling
from localcloud.services.applicationautoscaling.policies import LocalScalingPolicy
from localcloud.services.applicationautoscaling.targets import LocalScalableTarget
from localcloud.services.cloudwatch.alarm import LocalAlarm
from localcloud.services.cloudwatch.alarm_state import State
from localcloud.services.cloudwatch.models import LocalCloudWatch
from tests.localcloud.services.applicationautoscaling.support import DIMENSION, INVOCATIONS, resource_of


def _policy(**tracking: Any) -> LocalScalingPolicy:
    resource = resource_of("e")
    return LocalScalingPolicy(
        account_id="1",
        region_name="us-east-1",
        policy_name="p",
        service_namespace="sagemaker",
        resource_id=resource["ResourceId"],
        scalable_dimension=DIMENSION,
        policy_type="TargetTrackingScaling",
        policy_body={"TargetValue": 600, **tracking},
    )


@given(st.integers(1, 50), st.lists(st.floats(0, 1e5), min_size=1, max_size=15))
def test_desired_capacity_is_the_smallest_that_meets_the_target(capacity: int, values: list[float]) -> None:
    wanted = _policy(**INVOCATIONS).wanted(capacity, values)
    load = capacity * max(values)
    assert load <= wanted * 600 + 1e-3
    assert wanted == 0 or load > (wanted - 1) * 600 - 1e-3


@pytest.mark.parametrize(
    ("tracking", "complaint"),
    [
        ({}, "has 0 of PredefinedMetricSpecification and CustomizedMetricSpecification"),
        ({**INVOCATIONS, "TargetValue": 0}, "TargetValue is 0.0; it must be above 0"),
        (
            {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}},
            "the local cloud has SageMakerVariantInvocationsPerInstance",
        ),
    ],
)
def test_missing_policy_is_refused(tracking: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AWSValidationException, match=complaint):
        _policy(**tracking).check()


class _Target(LocalScalableTarget):
    """A scalable target of two to four instances that start and stop instantly."""

    count = 2

    def __init__(self) -> None:
        backend = LocalApplicationAutoScaling("us-east-1", "1")
        super().__init__(backend, *resource_of("e").values(), 2, 4, "", "")

    def capacity(self) -> int:
        return self.count

    def _request(self, capacity: int) -> None:
        self.count = capacity

    def _wait_for(self, capacity: int) -> None:
        pass


class _Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 1000.0
        monkeypatch.setattr("localcloud.services.applicationautoscaling.targets.time.monotonic", lambda: self.now)
        monkeypatch.setenv("LOCALCLOUD_MINUTE_SECONDS", "60")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    return _Clock(monkeypatch)


def _asked(target: _Target, policies: list[LocalScalingPolicy], *, more: bool) -> int:
    """Run the first policy's response to its alarm and return the resulting capacity."""
    backend = target.applicationautoscaling_backend
    backend.policies = {policy.policy_name: policy for policy in policies}  # type: ignore[misc]
    alarm = policies[0].high if more else policies[0].low
    assert alarm is not None
    target_tracking._Scaling(backend, target, policies[0], alarm).run()
    return target.count


def _watched(monkeypatch: pytest.MonkeyPatch, name: str, **tracking: Any) -> LocalScalingPolicy:
    monkeypatch.setattr("moto.cloudwatch.models.Alarm", LocalAlarm)
    monkeypatch.setattr(cloudwatch_backends, "backend", LocalCloudWatch)
    cloudwatch_backends.pop("1", None)
    policy = _policy(**INVOCATIONS, **tracking)
    policy.policy_name = name
    policy.make_alarms()
    return policy


def test_scaling_out_during_the_cooldown_counts_added_capacity(monkeypatch: pytest.MonkeyPatch, clock: _Clock) -> None:
    target, policy = _Target(), _watched(monkeypatch, "p", ScaleOutCooldown=300)
    values = [700.0]
    monkeypatch.setattr(target_tracking, "_values", lambda _: list(values))
    assert _asked(target, [policy], more=True) == 3
    assert _asked(target, [policy], more=True) == 3  # No further instance until the third has taken effect.
    values[:] = [1000.0]
    assert _asked(target, [policy], more=True) == 4  # The load now exceeds what the third was added for.
    assert _asked(target, [policy], more=True) == 4
    assert target.activities[-1].description == "Setting desired instance count to 4."
    clock.now += 300
    assert _asked(target, [policy], more=True) == 4
    assert target.activities[-1].not_scaled[0]["Code"] == "AlreadyAtMaxCapacity"


def test_scaling_in_waits_for_every_cooldown_and_every_policy(monkeypatch: pytest.MonkeyPatch, clock: _Clock) -> None:
    target = _Target()
    target.count = 4
    policy = _watched(monkeypatch, "p", ScaleInCooldown=60)
    other = _watched(monkeypatch, "other")
    expansive = _watched(monkeypatch, "expansive", DisableScaleIn=True)
    values = {policy.low: [400.0], other.low: [100.0]}
    monkeypatch.setattr(target_tracking, "_values", lambda alarm: values[alarm])
    policies = [policy, other, expansive]
    assert policy.low
    assert other.low
    policy.low.state_value = State.ALARM
    assert _asked(target, policies, more=False) == 4  # The other policy's alarm has not fired.
    other.low.state_value = State.ALARM
    target.cool_down_out(3, 30)
    assert _asked(target, policies, more=False) == 4
    clock.now += 30
    assert _asked(target, policies, more=False) == 3  # The first policy needs more capacity than the other.
    values[policy.low] = [10.0]
    assert _asked(target, policies, more=False) == 3
    clock.now += 60
    assert _asked(target, policies, more=False) == 2
    clock.now += 60
    assert _asked(target, policies, more=False) == 2
    assert target.activities[-1].not_scaled[0]["Code"] == "AlreadyAtMinCapacity"
    assert _asked(target, [expansive, policy, other], more=False) == 2


def test_suspended_scaling_does_nothing(monkeypatch: pytest.MonkeyPatch, clock: _Clock) -> None:
    target, policy = _Target(), _watched(monkeypatch, "p")
    monkeypatch.setattr(target_tracking, "_values", lambda _: [9000.0])
    target.suspended_state = {"DynamicScalingOutSuspended": True}
    assert _asked(target, [policy], more=True) == 2
    assert target.activities == []
