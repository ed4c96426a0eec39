"""Scalable targets, policies and loads for tests of autoscaling."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.localcloud.services.sagemaker.hosting.support import (
    describe,
)
from tests.localcloud.support import SmallCloud

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)  # a Monday
INVOCATIONS = {"PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}


def resource_of(endpoint: str) -> dict[str, str]:
    resource_id = f"endpoint/{endpoint}/variant/AllTraffic"
    return {"ServiceNamespace": "sagemaker", "ResourceId": resource_id, "ScalableDimension": DIMENSION}


def register(cloud: SmallCloud, endpoint: str, least: int, greatest: int) -> dict[str, str]:
    resource = resource_of(endpoint)
    cloud.client("application-autoscaling").register_scalable_target(
        **resource, MinCapacity=least, MaxCapacity=greatest
    )
    return resource


def track(cloud: SmallCloud, resource: dict[str, str], metric: str, target: float = 10.0, **more: Any) -> Any:
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


def load(cloud: SmallCloud, metric: str, value: float) -> None:
    """Publish a load for the last minutes and the coming ones; a minute lasts a second here."""
    now = datetime.now(UTC)
    data = [
        {"MetricName": metric, "Value": value, "Timestamp": now + timedelta(seconds=second)}
        for second in range(-18, 300)
    ]
    cloud.client("cloudwatch").put_metric_data(Namespace="load", MetricData=data)


def activities(cloud: SmallCloud, resource: dict[str, str], **more: Any) -> list[dict[str, Any]]:
    """Return the scaling activities, oldest first."""
    client = cloud.client("application-autoscaling")
    found: list[dict[str, Any]] = client.describe_scaling_activities(**resource, **more)["ScalingActivities"]
    return found[::-1]


def counts(cloud: SmallCloud, endpoint: str) -> tuple[int, int]:
    (variant,) = describe(cloud, endpoint)["ProductionVariants"]
    return variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]
