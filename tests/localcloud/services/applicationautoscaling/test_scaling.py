"""Autoscaling of endpoints: target tracking with cooldowns, scheduled actions, and the scaling activities."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.cloudwatch.models import cloudwatch_backends

from localcloud.services.applicationautoscaling import schedules, target_tracking
from localcloud.services.applicationautoscaling.models import LocalApplicationAutoScaling
from localcloud.services.applicationautoscaling.policies import LocalScalingPolicy
from localcloud.services.applicationautoscaling.schedules import LocalScheduledAction
from localcloud.services.applicationautoscaling.targets import LocalScalableTarget
from localcloud.services.cloudwatch.alarm import LocalAlarm
from localcloud.services.cloudwatch.alarm_state import State
from localcloud.services.cloudwatch.models import LocalCloudWatch
from tests.localcloud.services.sagemaker.hosting.support import (
    config_of,
    describe,
    invoke,
    make_endpoint,
    make_model,
    settled,
    variant_of,
)
from tests.localcloud.support import SmallCloud, wait_for

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)  # a Monday


def _resource(endpoint: str) -> dict[str, str]:
    resource_id = f"endpoint/{endpoint}/variant/AllTraffic"
    return {"ServiceNamespace": "sagemaker", "ResourceId": resource_id, "ScalableDimension": DIMENSION}


def _register(cloud: SmallCloud, endpoint: str, least: int, greatest: int) -> dict[str, str]:
    resource = _resource(endpoint)
    cloud.client("application-autoscaling").register_scalable_target(
        **resource, MinCapacity=least, MaxCapacity=greatest
    )
    return resource


def _track(cloud: SmallCloud, resource: dict[str, str], metric: str, target: float = 10.0, **more: Any) -> Any:
    """Put a target-tracking policy on a custom metric."""
    tracking = {
        "TargetValue": target,
        # The alarms use the minimum of a minute's values, so a test can lower a load that it has already published.
        "CustomizedMetricSpecification": {"Namespace": "load", "MetricName": metric, "Statistic": "Minimum"},
        "ScaleOutCooldown": 0,
        "ScaleInCooldown": 0,
        **more,
    }
    return cloud.client("application-autoscaling").put_scaling_policy(
        **resource,
        PolicyName=f"follow-{metric}",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracking,
    )


def _load(cloud: SmallCloud, metric: str, value: float) -> None:
    """Publish a load for the last minutes and the coming ones; a minute lasts a second here."""
    now = datetime.now(UTC)
    data = [
        {"MetricName": metric, "Value": value, "Timestamp": now + timedelta(seconds=second)}
        for second in range(-18, 300)
    ]
    cloud.client("cloudwatch").put_metric_data(Namespace="load", MetricData=data)


def _activities(cloud: SmallCloud, resource: dict[str, str], **more: Any) -> list[dict[str, Any]]:
    """Return the scaling activities, oldest first."""
    client = cloud.client("application-autoscaling")
    found: list[dict[str, Any]] = client.describe_scaling_activities(**resource, **more)["ScalingActivities"]
    return found[::-1]


def _counts(cloud: SmallCloud, endpoint: str) -> tuple[int, int]:
    (variant,) = describe(cloud, endpoint)["ProductionVariants"]
    return variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]


def test_instances_follow_the_load_and_activities_name_the_cause(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "breathing", "1")
    resource = _register(cloud, "breathing", 1, 3)
    answer = _track(cloud, resource, "breath")
    high, low = (alarm["AlarmName"] for alarm in answer["Alarms"])
    described = cloud.client("cloudwatch").describe_alarms(AlarmNames=[high, low])["MetricAlarms"]
    found = {alarm["AlarmName"]: alarm for alarm in described}
    assert (found[high]["Threshold"], found[high]["EvaluationPeriods"]) == (10.0, 3)
    assert (found[low]["Threshold"], found[low]["EvaluationPeriods"]) == (9.0, 15)

    _load(cloud, "breath", 19.0)
    wait_for(lambda: _counts(cloud, "breathing") == (2, 2))
    (activity,) = wait_for(
        lambda: [found for found in _activities(cloud, resource) if found["StatusCode"] == "Successful"]
    )
    assert activity["Description"] == "Setting desired instance count to 2."
    assert activity["Cause"] == f"monitor alarm {high} in state ALARM triggered policy follow-breath"
    assert activity["Details"] == "follow-breath: the metric is 19 with 1 instances, its target 10"
    assert activity["StatusMessage"].startswith("Successfully set desired instance count to 2.")
    assert activity["StartTime"] <= activity["EndTime"]

    _load(cloud, "breath", 4.0)
    wait_for(lambda: _counts(cloud, "breathing") == (1, 1))
    last = wait_for(lambda: _activities(cloud, resource)[-1] if len(_activities(cloud, resource)) > 1 else None)
    assert last["Cause"] == f"monitor alarm {low} in state ALARM triggered policy follow-breath"

    def idle() -> list[dict[str, Any]]:
        activities = _activities(cloud, resource, IncludeNotScaledActivities=True)
        return [activity for activity in activities if "NotScaledReasons" in activity]

    _load(cloud, "breath", 0.0)
    (not_scaled,) = wait_for(idle)[-1]["NotScaledReasons"]
    assert not_scaled == {"Code": "AlreadyAtMinCapacity", "MinCapacity": 1, "MaxCapacity": 3, "CurrentCapacity": 1}

    client = cloud.client("application-autoscaling")
    client.deregister_scalable_target(**resource)
    assert (
        client.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource["ResourceId"])[
            "ScalingPolicies"
        ]
        == []
    )
    assert cloud.client("cloudwatch").describe_alarms(AlarmNames=[high, low])["MetricAlarms"] == []


def test_invocations_scale_the_endpoint(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "popular", "1")
    resource = _register(cloud, "popular", 1, 2)
    cloud.client("application-autoscaling").put_scaling_policy(
        **resource,
        PolicyName="InvocationsPerInstance",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 0.5, **INVOCATIONS},
    )

    def ask_and_look() -> bool:
        invoke(cloud, "popular")
        return _counts(cloud, "popular") == (2, 2)

    wait_for(ask_and_look)
    assert _activities(cloud, resource)[0]["Details"].startswith("InvocationsPerInstance: the metric is ")


def test_cooldown_delays_and_two_policies_must_agree(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "careful", "1")
    resource = _register(cloud, "careful", 1, 4)
    # Sixty seconds take one second here.
    _track(cloud, resource, "patience", ScaleInCooldown=3600, ScaleOutCooldown=36000)
    _load(cloud, "patience", 15.0)
    wait_for(lambda: _counts(cloud, "careful") == (2, 2))
    _track(cloud, resource, "other")
    _load(cloud, "other", 10.0)
    _load(cloud, "patience", 1.0)
    client = cloud.client("cloudwatch")

    def states() -> set[str]:
        found = client.describe_alarms(AlarmNamePrefix=f"TargetTracking-{resource['ResourceId']}")["MetricAlarms"]
        return {f"{alarm['MetricName']} {alarm['StateValue']}" for alarm in found if "AlarmLow" in alarm["AlarmName"]}

    wait_for(lambda: states() == {"patience ALARM", "other OK"})
    assert len(_activities(cloud, resource)) == 1
    assert _counts(cloud, "careful") == (2, 2)


def test_new_limits_apply_immediately(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "confined", "1")
    resource = _register(cloud, "confined", 2, 3)
    wait_for(lambda: _counts(cloud, "confined") == (2, 2))
    settled(cloud, "confined")
    _register(cloud, "confined", 1, 1)
    wait_for(lambda: _counts(cloud, "confined") == (1, 1))
    assert [activity["Cause"] for activity in _activities(cloud, resource)] == [
        "minimum capacity was set to 2",
        "maximum capacity was set to 1",
    ]


def test_scheduled_action_sets_new_limits(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "punctual", "1")
    resource = _register(cloud, "punctual", 1, 1)
    soon = datetime.now(UTC) + timedelta(seconds=2)
    cloud.client("application-autoscaling").put_scheduled_action(
        **resource,
        ScheduledActionName="rush-hour",
        Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 3},
    )
    wait_for(lambda: _counts(cloud, "punctual") == (2, 2))
    (target,) = cloud.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[resource["ResourceId"]]
    )["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 3)
    (activity,) = _activities(cloud, resource)
    assert activity["Cause"] == "scheduled action name rush-hour was triggered; minimum capacity was set to 2"


def test_updating_endpoint_is_scaled_later(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "occupied", "1")
    config = config_of(cloud, "occupied-2", "slow")
    resource = _register(cloud, "occupied", 1, 2)
    _track(cloud, resource, "impatience")
    _load(cloud, "impatience", 20.0)
    cloud.client("sagemaker").update_endpoint(
        EndpointName="occupied", EndpointConfigName=config, RetainAllVariantProperties=True
    )
    wait_for(lambda: _counts(cloud, "occupied") == (2, 2))
    assert _activities(cloud, resource)[-1]["Description"] == "Setting desired instance count to 2."


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"ResourceId": "endpoint/none/variant/AllTraffic"}, "No variant AllTraffic of an endpoint none"),
        ({"MinCapacity": 3, "MaxCapacity": 2}, "MinCapacity is 3 and MaxCapacity is 2"),
        ({"ResourceId": "endpoint/refusing"}, "resource id|Unsupported"),
    ],
)
def test_invalid_scalable_targets_are_refused(cloud: SmallCloud, change: dict[str, Any], complaint: str) -> None:
    request = {**_resource("none"), "MinCapacity": 1, "MaxCapacity": 2, **change}
    with pytest.raises(ClientError, match=complaint):
        cloud.client("application-autoscaling").register_scalable_target(**request)


def test_policy_needs_its_target(cloud: SmallCloud) -> None:
    client = cloud.client("application-autoscaling")
    with pytest.raises(client.exceptions.ObjectNotFoundException, match="No scalable target registered"):
        _track(cloud, _resource("unregistered"), "any")


def _policy(**tracking: Any) -> LocalScalingPolicy:
    resource = _resource("e")
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


INVOCATIONS = {"PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}


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
        super().__init__(backend, *_resource("e").values(), 2, 4, "", "")

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


def _action(schedule: str, timezone: str | None = None, **more: Any) -> LocalScheduledAction:
    times = {"start_time": more.get("start"), "end_time": more.get("end")}
    resource_id = _resource("e")["ResourceId"]
    action = LocalScheduledAction(
        "sagemaker", schedule, timezone, "a", resource_id, DIMENSION, *times.values(), {"MinCapacity": 2}, "1", "r"
    )
    action.creation_time = NOON.timestamp()
    return action


@pytest.mark.parametrize(
    ("action", "moment", "due"),
    [
        (_action("cron(0 12 * * ? *)"), NOON, True),
        (_action("cron(0 12 * * ? *)"), NOON + timedelta(seconds=1), False),
        (_action("cron(0 13 * * ? *)", "Europe/Berlin"), NOON, True),
        (_action("cron(0 13 * * ? *)"), NOON, False),
        (_action("at(2024-01-01T12:00:00)"), NOON, True),
        (_action("at(2024-01-01T07:00:00)", "America/New_York"), NOON, True),
        (_action("at(2024-01-01T12:00:01)"), NOON, False),
        (_action("rate(5 minutes)"), NOON + timedelta(minutes=5), True),
        (_action("rate(5 minutes)"), NOON + timedelta(minutes=6), False),
        (_action("cron(* * * * ? *)", start=(NOON + timedelta(days=1)).timestamp()), NOON, False),
        (_action("cron(* * * * ? *)", end="2024-01-01T11:00:00"), NOON, False),
    ],
)
def test_scheduled_action_is_due(action: LocalScheduledAction, moment: datetime, due: bool) -> None:
    assert action.is_due(moment - timedelta(seconds=1), moment) is due


@pytest.mark.parametrize(
    ("schedule", "timezone", "limits", "complaint"),
    [
        ("noon", None, {"MinCapacity": 1}, "is neither rate"),
        ("at(2024-13-01T12:00:00)", None, {"MinCapacity": 1}, "is not a valid time"),
        ("cron(0 12 * * ? *)", "Mars/Olympus", {"MinCapacity": 1}, "'Mars/Olympus' is not known"),
        ("cron(0 12 * * ? *)", None, {}, "neither MinCapacity nor MaxCapacity"),
        ("cron(0 12 * * ? *)", None, {"MinCapacity": 3, "MaxCapacity": 2}, "is above MaxCapacity 2"),
    ],
)
def test_invalid_scheduled_action_is_refused(
    schedule: str, timezone: str | None, limits: dict[str, int], complaint: str
) -> None:
    request = {"schedule": schedule, "timezone": timezone, "scalable_target_action": limits}
    with pytest.raises(AWSValidationException, match=complaint):
        schedules.check(request)


def _template(least: int, hour: int | None) -> dict[str, Any]:
    action = {
        "ScheduledActionName": f"at-{hour}",
        "Schedule": f"cron(0 {hour} * * ? *)",
        "Timezone": "Europe/Berlin",
        "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 1},
    }
    resource = _resource("scaling-of-a-template")
    return {
        "Resources": {
            "Target": {
                "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
                "Properties": {
                    **resource,
                    "MinCapacity": least,
                    "MaxCapacity": 3,
                    "ScheduledActions": [action] if hour else [],
                },
            },
            "Policy": {
                "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
                "Properties": {
                    "PolicyName": "InvocationsPerInstance",
                    "PolicyType": "TargetTrackingScaling",
                    "ScalingTargetId": {"Ref": "Target"},
                    "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 600, **INVOCATIONS},
                },
            },
        }
    }


def test_target_policy_and_actions_of_a_stack(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "scaling-of-a-template", "1")
    client, target_tracking = cloud.client("cloudformation"), cloud.client("application-autoscaling")

    def settle(status: str) -> None:
        def look() -> bool:
            (stack,) = client.describe_stacks(StackName="scaling")["Stacks"]
            assert "ROLLBACK" not in stack["StackStatus"], client.describe_stack_events(StackName="scaling")
            return bool(stack["StackStatus"] == status)

        wait_for(look)

    def actions() -> list[str]:
        found = target_tracking.describe_scheduled_actions(
            ServiceNamespace="sagemaker", ResourceId=_resource("scaling-of-a-template")["ResourceId"]
        )
        return [action["ScheduledActionName"] for action in found["ScheduledActions"]]

    client.create_stack(StackName="scaling", TemplateBody=json.dumps(_template(1, 3)))
    settle("CREATE_COMPLETE")
    (policy,) = target_tracking.describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId=_resource("scaling-of-a-template")["ResourceId"]
    )["ScalingPolicies"]
    assert len(policy["Alarms"]) == 2
    resources = client.describe_stack_resources(StackName="scaling")["StackResources"]
    assert {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources} == {
        "Target": f"endpoint/scaling-of-a-template/variant/AllTraffic|{DIMENSION}|sagemaker",
        "Policy": policy["PolicyARN"],
    }
    assert actions() == ["at-3"]
    client.update_stack(StackName="scaling", TemplateBody=json.dumps(_template(2, 4)))
    settle("UPDATE_COMPLETE")
    assert actions() == ["at-4"]
    wait_for(lambda: _counts(cloud, "scaling-of-a-template") == (2, 2))
    client.delete_stack(StackName="scaling")
    targets = lambda: target_tracking.describe_scalable_targets(  # noqa: E731
        ServiceNamespace="sagemaker", ResourceIds=[_resource("scaling-of-a-template")["ResourceId"]]
    )["ScalableTargets"]
    wait_for(lambda: not targets())
    assert actions() == []


def _served(instance_type: str, *, scaled: bool) -> str:
    """Return a template of an endpoint with the model ``retyped``, whose variant may be scaled."""
    variant = variant_of("retyped") | {"InstanceType": instance_type}
    resources: dict[str, Any] = {
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {
                "EndpointName": "retyped",
                "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
                "RetainAllVariantProperties": True,
            },
        },
    }
    if scaled:
        limits = {"MinCapacity": 1, "MaxCapacity": 2}
        resources["Target"] = {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {**_resource("retyped"), **limits},
            "DependsOn": "Endpoint",
        }
    return json.dumps({"Resources": resources})


def test_scaled_variant_of_a_stack_gets_another_instance_type_in_three_steps(cloud: SmallCloud) -> None:
    make_model(cloud, "retyped", "1")
    client = cloud.client("cloudformation")

    def ends(status: str) -> None:
        def look() -> bool:
            found = str(client.describe_stacks(StackName="retyped")["Stacks"][0]["StackStatus"])
            return not found.endswith("_IN_PROGRESS") and found == status

        wait_for(look)

    client.create_stack(StackName="retyped", TemplateBody=_served("ml.m6i.large", scaled=True))
    ends("CREATE_COMPLETE")
    client.update_stack(StackName="retyped", TemplateBody=_served("ml.m6i.xlarge", scaled=True))
    ends("UPDATE_ROLLBACK_COMPLETE")
    events = client.describe_stack_events(StackName="retyped")["StackEvents"]
    assert any("must be deregistered as scalable target" in one.get("ResourceStatusReason", "") for one in events)
    for instance_type, scaled in (("ml.m6i.large", False), ("ml.m6i.xlarge", False), ("ml.m6i.xlarge", True)):
        client.update_stack(StackName="retyped", TemplateBody=_served(instance_type, scaled=scaled))
        ends("UPDATE_COMPLETE")
    assert settled(cloud, "retyped")["EndpointStatus"] == "InService"
    client.delete_stack(StackName="retyped")
