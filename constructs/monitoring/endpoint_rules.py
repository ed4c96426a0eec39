"""Alarm rules of an endpoint."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import IMetric, Stats

from constructs.common.instance_sizes import gpus, processors
from constructs.monitoring.endpoint_metrics import EndpointMetrics
from constructs.monitoring.metric_alarm import AlarmRule, AlarmTiming
from constructs.serving.variants import EndpointVariant, InstanceFleet

_MICROSECONDS = 1000
_SHARE = 0.01
_MINUTE = Duration.minutes(1)


@dataclass(frozen=True, kw_only=True)
class EndpointThresholds:
    """Alarm thresholds; None disables an alarm.

    Attributes:
        error_5xx_percent: Percentage of requests that fail with a server error.
        error_4xx_percent: Percentage of requests that fail with a client error.
        model_latency_p99_ms: 99th percentile of the model latency.
        overhead_latency_p99_ms: 99th percentile of the overhead latency.
        cpu_percent: Average CPU utilization.
        gpu_percent: Average GPU utilization.
        memory_percent: Highest memory utilization of an instance.
        disk_percent: Highest disk utilization of an instance.
        max_instances_minutes: Time at the maximum number of instances.
    """

    error_5xx_percent: float | None
    error_4xx_percent: float | None
    model_latency_p99_ms: float | None
    overhead_latency_p99_ms: float | None
    cpu_percent: float | None
    gpu_percent: float | None
    memory_percent: float | None
    disk_percent: float | None
    max_instances_minutes: int | None


def failure_rules(metrics: EndpointMetrics, limits: EndpointThresholds, timing: AlarmTiming) -> list[AlarmRule]:
    """Return the rules for errors and latency of a model, which also roll back updates.

    Args:
        metrics: Metrics of a variant, or of one of its fleets.
        limits: Alarm thresholds.
        timing: Timing, with the same period as the metrics.
    """
    share, latency = metrics.error_rate("5XX"), metrics.model_latency(99)
    return [
        *_above("5xx", limits.error_5xx_percent, share, timing, "5xx error rate above {limit}%", scale=_SHARE),
        *_above(
            "model-latency",
            limits.model_latency_p99_ms,
            latency,
            timing,
            "p99 model latency above {limit} ms",
            scale=_MICROSECONDS,
        ),
    ]


def endpoint_rules(
    metrics: EndpointMetrics, variant: EndpointVariant, limits: EndpointThresholds, timing: AlarmTiming
) -> list[AlarmRule]:
    """Return all rules for a variant.

    Args:
        metrics: Metrics of the variant.
        variant: The variant.
        limits: Alarm thresholds.
        timing: Timing, with the same period as the metrics.
    """
    refused = metrics.error_rate("4XX")
    memory = metrics.utilization("MemoryUtilization", Stats.MAXIMUM)
    return [
        *failure_rules(metrics, limits, timing),
        *_above("4xx", limits.error_4xx_percent, refused, timing, "4xx error rate above {limit}%", scale=_SHARE),
        *_above("memory", limits.memory_percent, memory, timing, "Memory utilization of an instance above {limit}%"),
        *(
            _instance_rules(metrics, variant.capacity, limits, timing)
            if isinstance(variant.capacity, InstanceFleet)
            else []
        ),
    ]


def _instance_rules(
    metrics: EndpointMetrics, fleet: InstanceFleet, limits: EndpointThresholds, timing: AlarmTiming
) -> list[AlarmRule]:
    """Return the rules that apply only to instances.

    Serverless endpoints have no CPU and disk metrics, and their overhead latency includes cold starts; see
    https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-monitoring.html.
    """
    overhead, disk = metrics.overhead_latency(99), metrics.utilization("DiskUtilization", Stats.MAXIMUM)
    cpu, gpu = metrics.utilization("CPUUtilization"), metrics.utilization("GPUUtilization")
    gpu_percent = limits.gpu_percent if gpus(fleet.instance_type) else None
    return [
        *_above(
            "overhead-latency",
            limits.overhead_latency_p99_ms,
            overhead,
            timing,
            "p99 overhead latency above {limit} ms",
            scale=_MICROSECONDS,
        ),
        *_above(
            "cpu",
            limits.cpu_percent,
            cpu,
            timing,
            "CPU utilization above {limit}%",
            scale=processors(fleet.instance_type),
        ),
        *_above("gpu", gpu_percent, gpu, timing, "GPU utilization above {limit}%", scale=gpus(fleet.instance_type)),
        *_above("disk", limits.disk_percent, disk, timing, "Disk utilization of an instance above {limit}%"),
        *_scaled_out(metrics, fleet, limits.max_instances_minutes),
    ]


def _above(
    kind: str, limit: float | None, metric: IMetric, timing: AlarmTiming, description: str, *, scale: float = 1
) -> list[AlarmRule]:
    """Return the rule for an upper limit, or none if there is no limit.

    Args:
        kind: Suffix of the alarm's name.
        limit: Limit in the environment's unit.
        metric: Metric.
        timing: Timing.
        description: Description with a placeholder for the limit.
        scale: Factor from the environment's unit to the metric's.
    """
    if limit is None:
        return []
    return [
        AlarmRule(
            kind=kind,
            description=description.format(limit=f"{limit:g}"),
            metric=metric,
            timing=timing,
            # Rounding turns 0.07000000000000001 into 0.07.
            threshold=round(limit * scale, 9),
        )
    ]


def _scaled_out(metrics: EndpointMetrics, fleet: InstanceFleet, minutes: int | None) -> list[AlarmRule]:
    if minutes is None or fleet.min_instances == fleet.max_instances:
        return []
    return [
        AlarmRule(
            kind="instances",
            description=f"At the maximum of {fleet.max_instances} instances for {minutes} minutes",
            metric=metrics.with_period(_MINUTE).instances(),
            timing=AlarmTiming(period=_MINUTE, evaluation_periods=minutes, datapoints_to_alarm=minutes),
            threshold=fleet.max_instances,
            reached_is_bad=True,
        )
    ]
