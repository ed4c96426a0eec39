from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.services.sagemaker.hosting.blue_green import AlarmWatch, RolledBack, Rollout
from localcloud.services.sagemaker.hosting.update_policies import UpdatePolicy


@dataclass
class _CloudWatch:
    """Alarms with states set by the test, readable by the role or not."""

    states: dict[str, str] = field(default_factory=dict)
    denied: bool = False
    role_arn: str = "arn:aws:iam::123456789012:role/endpoint"

    def client(self, service: str) -> "_CloudWatch":
        assert service == "cloudwatch"
        return self

    def describe_alarms(self, AlarmNames: list[str], AlarmTypes: list[str]) -> dict[str, Any]:  # noqa: N803
        assert AlarmTypes == ["MetricAlarm", "CompositeAlarm"]
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeAlarms")
        found = [{"AlarmName": name, "StateValue": state} for name, state in self.states.items() if name in AlarmNames]
        return {"MetricAlarms": found[:1], "CompositeAlarms": found[1:]}


@dataclass
class _Deployment:
    """A rollout whose clock advances only when it waits."""

    now: float = 0.0
    stages: list[tuple[float, str, float]] = field(default_factory=list)
    failure: str | None = None
    events: dict[float, Any] = field(default_factory=dict)

    def pause(self, seconds: float) -> None:
        self.now += seconds
        for time in [time for time in self.events if time <= self.now]:
            self.events.pop(time)()

    def run(self, policy: UpdatePolicy, counts: list[int], watch: AlarmWatch) -> None:
        Rollout(
            policy,
            policy.shares(counts),
            watch=watch,
            failing=lambda: self.failure,
            on_stage=lambda stage, share: self.stages.append((self.now, stage, share)),
            began=0.0,
            clock=lambda: self.now,
            pause=self.pause,
        ).run()


def _linear(**more: Any) -> UpdatePolicy:
    traffic = {
        "Type": "LINEAR",
        "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": 300,
    }
    return UpdatePolicy.of({"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic, **more}})


def _watch(cloudwatch: _CloudWatch, *names: str) -> AlarmWatch:
    return AlarmWatch(cloudwatch, names)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _minutes_of_sixty_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALCLOUD_MINUTE_SECONDS", raising=False)


def test_each_step_bakes_and_the_old_fleet_waits_for_its_end() -> None:
    deployment = _Deployment()
    deployment.run(_linear(TerminationWaitInSeconds=120), [2], _watch(_CloudWatch({"5xx": "OK"}), "5xx"))
    assert deployment.stages == [
        (0, "ActivatingTraffic", 0.5),
        (0, "Baking", 0.5),
        (300, "ActivatingTraffic", 1.0),
        (300, "Baking", 1.0),
    ]
    assert deployment.now == 720


def test_waits_scale_with_the_length_of_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_MINUTE_SECONDS", "6")
    deployment = _Deployment()
    deployment.run(_linear(), [2], _watch(_CloudWatch()))
    assert deployment.now == pytest.approx(60)


@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
def test_alarm_that_does_not_trip_stops_nothing(state: str) -> None:
    _Deployment().run(_linear(), [1], _watch(_CloudWatch({"5xx": state}), "5xx"))


def test_alarm_that_trips_while_a_step_bakes_rolls_back() -> None:
    cloudwatch = _CloudWatch({"5xx": "OK", "latency": "OK"})
    deployment = _Deployment(events={100.0: lambda: cloudwatch.states.update(latency="ALARM")})
    with pytest.raises(RolledBack, match=r"alarm\(s\) latency of AutoRollbackConfiguration"):
        deployment.run(_linear(), [1], _watch(cloudwatch, "5xx", "latency"))
    assert {share for _, _, share in deployment.stages} == {0.5}
    assert deployment.now <= 105


def test_alarm_is_ignored_after_the_last_step_has_baked() -> None:
    cloudwatch = _CloudWatch({"5xx": "OK"})
    deployment = _Deployment(events={650.0: lambda: cloudwatch.states.update({"5xx": "ALARM"})})
    deployment.run(_linear(TerminationWaitInSeconds=120), [1], _watch(cloudwatch, "5xx"))


def test_alarm_counts_immediately_without_a_wait() -> None:
    with pytest.raises(RolledBack, match="5xx"):
        _Deployment().run(UpdatePolicy(alarms=("5xx",)), [1], _watch(_CloudWatch({"5xx": "ALARM"}), "5xx"))


def test_fleet_that_fails_rolls_back() -> None:
    deployment = _Deployment()
    deployment.events[10.0] = lambda: setattr(deployment, "failure", "The container exited with code 3.")
    with pytest.raises(RolledBack, match=r"the new fleet does not serve\. The container exited with code 3"):
        deployment.run(_linear(), [1], _watch(_CloudWatch()))


def test_update_that_takes_too_long_rolls_back() -> None:
    with pytest.raises(RolledBack, match="longer than 600 seconds"):
        _Deployment(now=400.0).run(_linear(MaximumExecutionTimeoutInSeconds=600), [1], _watch(_CloudWatch()))


def test_alarms_must_exist_and_be_readable() -> None:
    with pytest.raises(RolledBack, match="alarms that do not exist: gone"):
        _watch(_CloudWatch({"5xx": "OK"}), "5xx", "gone").tripped()
    with pytest.raises(RolledBack, match=r"role/endpoint is allowed cloudwatch:DescribeAlarms"):
        _watch(_CloudWatch({"5xx": "OK"}, denied=True), "5xx").tripped()
    assert _watch(_CloudWatch(denied=True)).tripped() == []
