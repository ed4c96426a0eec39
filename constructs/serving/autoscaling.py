"""Autoscaling: the number of a variant's instances follows its load, and the clock where that is wanted.

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
    """New limits of the number of instances at certain times.

    Attributes:
        name: the action's name.
        schedule: ``cron(...)``, ``rate(...)`` or ``at(...)``, as Application Auto Scaling writes them.
        timezone: of the schedule, for example ``Europe/Berlin``.
        min_instances: the least number from then on.
        max_instances: the greatest number from then on.
    """

    name: str
    schedule: str
    timezone: str
    min_instances: int
    max_instances: int


@dataclass(frozen=True, kw_only=True)
class ScalingTargets:
    """The load that an instance shall have. With two targets the greater number of instances counts.

    Attributes:
        invocations_per_instance: requests a minute and instance.
        cpu_percent: use of an instance's processors; without it, processors do not count.
        scale_in_cooldown: the pause after instances were removed.
        scale_out_cooldown: the pause after instances were added.
    """

    invocations_per_instance: int
    cpu_percent: int | None
    scale_in_cooldown: Duration
    scale_out_cooldown: Duration


@dataclass(frozen=True, kw_only=True)
class ScaledVariant:
    """A variant of an endpoint, as autoscaling sees it.

    Attributes:
        endpoint: the endpoint, which has to exist first.
        name: the variant's name.
        fleet: its instances.
    """

    endpoint: aws_sagemaker.CfnEndpoint
    name: str
    fleet: InstanceFleet


def scale_variant(
    scope: Construct, variant: ScaledVariant, targets: ScalingTargets, schedule: Sequence[ScheduledCapacity]
) -> Sequence[CfnResource]:
    """Build a variant's scalable target and its scaling policies in the scope, and return them."""
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
        # The metric is the sum over the processors, 0 to 400 percent where there are four. The normalized one exists
        # for endpoints with inference components only. See
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
