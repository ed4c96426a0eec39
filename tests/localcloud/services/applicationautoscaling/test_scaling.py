"""Autoscaling of endpoints: target tracking with cooldowns, scheduled actions, and the scaling activities."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.services.applicationautoscaling.support import (
    INVOCATIONS,
    activities,
    counts,
    load,
    register,
    resource_of,
    track,
)
from tests.localcloud.services.sagemaker.hosting.support import (
    config_of,
    invoke,
    make_endpoint,
    settled,
)
from tests.localcloud.support import SmallCloud, wait_for


def test_instances_follow_the_load_and_activities_name_the_cause(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "breathing", "1")
    resource = register(cloud, "breathing", 1, 3)
    answer = track(cloud, resource, "breath")
    high, low = (alarm["AlarmName"] for alarm in answer["Alarms"])
    described = cloud.client("cloudwatch").describe_alarms(AlarmNames=[high, low])["MetricAlarms"]
    found = {alarm["AlarmName"]: alarm for alarm in described}
    assert (found[high]["Threshold"], found[high]["EvaluationPeriods"]) == (10.0, 3)
    assert (found[low]["Threshold"], found[low]["EvaluationPeriods"]) == (9.0, 15)

    load(cloud, "breath", 19.0)
    wait_for(lambda: counts(cloud, "breathing") == (2, 2))
    (activity,) = wait_for(
        lambda: [found for found in activities(cloud, resource) if found["StatusCode"] == "Successful"]
    )
    assert activity["Description"] == "Setting desired instance count to 2."
    assert activity["Cause"] == f"monitor alarm {high} in state ALARM triggered policy follow-breath"
    assert activity["Details"] == "follow-breath: the metric is 19 with 1 instances, its target 10"
    assert activity["StatusMessage"].startswith("Successfully set desired instance count to 2.")
    assert activity["StartTime"] <= activity["EndTime"]

    load(cloud, "breath", 4.0)
    wait_for(lambda: counts(cloud, "breathing") == (1, 1))
    last = wait_for(lambda: activities(cloud, resource)[-1] if len(activities(cloud, resource)) > 1 else None)
    assert last["Cause"] == f"monitor alarm {low} in state ALARM triggered policy follow-breath"

    def idle() -> list[dict[str, Any]]:
        found = activities(cloud, resource, IncludeNotScaledActivities=True)
        return [activity for activity in found if "NotScaledReasons" in activity]

    load(cloud, "breath", 0.0)
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
    resource = register(cloud, "popular", 1, 2)
    cloud.client("application-autoscaling").put_scaling_policy(
        **resource,
        PolicyName="InvocationsPerInstance",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 0.5, **INVOCATIONS},
    )

    def ask_and_look() -> bool:
        invoke(cloud, "popular")
        return counts(cloud, "popular") == (2, 2)

    wait_for(ask_and_look)
    assert activities(cloud, resource)[0]["Details"].startswith("InvocationsPerInstance: the metric is ")


def test_cooldown_delays_and_two_policies_must_agree(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "careful", "1")
    resource = register(cloud, "careful", 1, 4)
    # Sixty seconds take one second here.
    track(cloud, resource, "patience", ScaleInCooldown=3600, ScaleOutCooldown=36000)
    load(cloud, "patience", 15.0)
    wait_for(lambda: counts(cloud, "careful") == (2, 2))
    track(cloud, resource, "other")
    load(cloud, "other", 10.0)
    load(cloud, "patience", 1.0)
    client = cloud.client("cloudwatch")

    def states() -> set[str]:
        found = client.describe_alarms(AlarmNamePrefix=f"TargetTracking-{resource['ResourceId']}")["MetricAlarms"]
        return {f"{alarm['MetricName']} {alarm['StateValue']}" for alarm in found if "AlarmLow" in alarm["AlarmName"]}

    wait_for(lambda: states() == {"patience ALARM", "other OK"})
    assert len(activities(cloud, resource)) == 1
    assert counts(cloud, "careful") == (2, 2)


def test_new_limits_apply_immediately(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "confined", "1")
    resource = register(cloud, "confined", 2, 3)
    wait_for(lambda: counts(cloud, "confined") == (2, 2))
    settled(cloud, "confined")
    register(cloud, "confined", 1, 1)
    wait_for(lambda: counts(cloud, "confined") == (1, 1))
    assert [activity["Cause"] for activity in activities(cloud, resource)] == [
        "minimum capacity was set to 2",
        "maximum capacity was set to 1",
    ]


def test_scheduled_action_sets_new_limits(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "punctual", "1")
    resource = register(cloud, "punctual", 1, 1)
    soon = datetime.now(UTC) + timedelta(seconds=2)
    cloud.client("application-autoscaling").put_scheduled_action(
        **resource,
        ScheduledActionName="rush-hour",
        Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 3},
    )
    wait_for(lambda: counts(cloud, "punctual") == (2, 2))
    (target,) = cloud.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[resource["ResourceId"]]
    )["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 3)
    (activity,) = activities(cloud, resource)
    assert activity["Cause"] == "scheduled action name rush-hour was triggered; minimum capacity was set to 2"


def test_updating_endpoint_is_scaled_later(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "occupied", "1")
    config = config_of(cloud, "occupied-2", "slow")
    resource = register(cloud, "occupied", 1, 2)
    track(cloud, resource, "impatience")
    load(cloud, "impatience", 20.0)
    cloud.client("sagemaker").update_endpoint(
        EndpointName="occupied", EndpointConfigName=config, RetainAllVariantProperties=True
    )
    wait_for(lambda: counts(cloud, "occupied") == (2, 2))
    assert activities(cloud, resource)[-1]["Description"] == "Setting desired instance count to 2."


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"ResourceId": "endpoint/none/variant/AllTraffic"}, "No variant AllTraffic of an endpoint none"),
        ({"MinCapacity": 3, "MaxCapacity": 2}, "MinCapacity is 3 and MaxCapacity is 2"),
        ({"ResourceId": "endpoint/refusing"}, "resource id|Unsupported"),
    ],
)
def test_invalid_scalable_targets_are_refused(cloud: SmallCloud, change: dict[str, Any], complaint: str) -> None:
    request = {**resource_of("none"), "MinCapacity": 1, "MaxCapacity": 2, **change}
    with pytest.raises(ClientError, match=complaint):
        cloud.client("application-autoscaling").register_scalable_target(**request)


def test_policy_needs_its_target(cloud: SmallCloud) -> None:
    client = cloud.client("application-autoscaling")
    with pytest.raises(client.exceptions.ObjectNotFoundException, match="No scalable target registered"):
        track(cloud, resource_of("unregistered"), "any")
