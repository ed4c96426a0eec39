"""Target-tracking policies and scheduled actions of Application Auto Scaling.

See https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import CfnResource, Duration, aws_applicationautoscaling, aws_sagemaker

from constructs import Construct
from constructs.common.instance_sizes import processors
from constructs.serving.variants import InstanceFleet

_Target = aws_applicationautoscaling.CfnScalableTarget
_Policy = aws_applicationautoscaling.CfnScalingPolicy
_Tracking = _Policy.TargetTrackingScalingPolicyConfigurationProperty


@dataclass(frozen=True, kw_only=True)
class ScheduledCapacity:
    """Scheduled change of the capacity limits.

    Attributes:
        name: Name of the action.
        schedule: ``cron(...)``, ``rate(...)`` or ``at(...)`` expression of Application Auto Scaling.
        timezone: Time zone of the schedule, for example ``Europe/Berlin``.
        min_instances: New minimum number of instances.
        max_instances: New maximum number of instances.
    """

    name: str
    schedule: str
    timezone: str
    min_instances: int
    max_instances: int


@dataclass(frozen=True, kw_only=True)
class ScalingTargets:
    """Target values for scaling. With two targets, the larger capacity wins.

    Attributes:
        invocations_per_instance: Requests per minute and instance.
        cpu_percent: CPU utilization; None to ignore it.
        scale_in_cooldown: Cooldown after scaling in.
        scale_out_cooldown: Cooldown after scaling out.
    """

    invocations_per_instance: int
    cpu_percent: int | None
    scale_in_cooldown: Duration
    scale_out_cooldown: Duration


@dataclass(frozen=True, kw_only=True)
class ScaledVariant:
    """Variant to scale.

    Attributes:
        endpoint: Endpoint, which must exist first.
        name: Name of the variant.
        fleet: Instances of the variant.
    """

    endpoint: aws_sagemaker.CfnEndpoint
    name: str
    fleet: InstanceFleet


def scale_variant(
    scope: Construct, variant: ScaledVariant, targets: ScalingTargets, schedule: Sequence[ScheduledCapacity]
) -> Sequence[CfnResource]:
    """Build and return the scalable target and scaling policies of a variant."""
    target = _Target(
        scope,
        "ScalableTarget",
        service_namespace="sagemaker",
        scalable_dimension="sagemaker:variant:DesiredInstanceCount",
        resource_id=f"endpoint/{variant.endpoint.attr_endpoint_name}/variant/{variant.name}",
        min_capacity=variant.fleet.min_instances,
        max_capacity=variant.fleet.max_instances,
        scheduled_actions=[_scheduled_action(one) for one in schedule] or None,
    )
    metrics = [("ScalingPolicy", "InvocationsPerInstance", _invocations(targets))]
    if targets.cpu_percent is not None:
        metrics.append(("CpuScalingPolicy", "CPUUtilization", _cpu(variant, targets, targets.cpu_percent)))
    return [target, *(_build_policy(scope, id, name, target, tracking) for id, name, tracking in metrics)]


def _build_policy(scope: Construct, id: str, name: str, target: _Target, tracking: _Tracking) -> _Policy:
    return _Policy(
        scope,
        id,
        policy_name=name,
        policy_type="TargetTrackingScaling",
        scaling_target_id=target.ref,
        target_tracking_scaling_policy_configuration=tracking,
    )


def _invocations(targets: ScalingTargets) -> _Tracking:
    return _Tracking(
        predefined_metric_specification=_Policy.PredefinedMetricSpecificationProperty(
            predefined_metric_type="SageMakerVariantInvocationsPerInstance"
        ),
        target_value=targets.invocations_per_instance,
        scale_in_cooldown=targets.scale_in_cooldown.to_seconds(),
        scale_out_cooldown=targets.scale_out_cooldown.to_seconds(),
    )


def _cpu(variant: ScaledVariant, targets: ScalingTargets, percent: int) -> _Tracking:
    return _Tracking(
        customized_metric_specification=_cpu_utilization(variant),
        # The metric is a sum over the vCPUs, 0 to 400 percent for four of them. A normalized metric exists only for
        # endpoints with inference components. See
        # https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html.
        target_value=percent * processors(variant.fleet.instance_type),
        scale_in_cooldown=targets.scale_in_cooldown.to_seconds(),
        scale_out_cooldown=targets.scale_out_cooldown.to_seconds(),
    )


def _cpu_utilization(variant: ScaledVariant) -> _Policy.CustomizedMetricSpecificationProperty:
    dimension = _Policy.MetricDimensionProperty
    return _Policy.CustomizedMetricSpecificationProperty(
        namespace="/aws/sagemaker/Endpoints",
        metric_name="CPUUtilization",
        dimensions=[
            dimension(name="EndpointName", value=variant.endpoint.attr_endpoint_name),
            dimension(name="VariantName", value=variant.name),
        ],
        statistic="Average",
        unit="Percent",
    )


def _scheduled_action(capacity: ScheduledCapacity) -> _Target.ScheduledActionProperty:
    return _Target.ScheduledActionProperty(
        scheduled_action_name=capacity.name,
        schedule=capacity.schedule,
        timezone=capacity.timezone,
        scalable_target_action=_Target.ScalableTargetActionProperty(
            min_capacity=capacity.min_instances, max_capacity=capacity.max_instances
        ),
    )
