"""What is bad at an endpoint: the rules of its alarms."""

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
    """What is still good; what is None is not watched.

    Attributes:
        error_5xx_percent: the share of requests that fail.
        error_4xx_percent: the share of requests that are refused.
        model_latency_p99_ms: the time in which the model answers 99 of 100 requests.
        overhead_latency_p99_ms: the time that SageMaker adds for 99 of 100 requests.
        cpu_percent: use of all processors.
        gpu_percent: use of all GPUs.
        memory_percent: use of any instance's memory.
        disk_percent: use of any instance's disk.
        max_instances_minutes: the time with as many instances as there may be.
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
    """Return the rules for what a model does to requests; an update to a model that breaks them is rolled back.

    Args:
        metrics: what is measured of a variant, or of one fleet of it.
        limits: what is still good.
        timing: for how long it has to be bad; the period is that of the metrics.
    """
    share, latency = metrics.error_rate("5XX"), metrics.model_latency(99)
    return [
        *_above("5xx", limits.error_5xx_percent, share, timing, "% of the requests fail", scale=_SHARE),
        *_above(
            "model-latency",
            limits.model_latency_p99_ms,
            latency,
            timing,
            "ms until the model has answered 99 of 100 requests",
            scale=_MICROSECONDS,
        ),
    ]


def endpoint_rules(
    metrics: EndpointMetrics, variant: EndpointVariant, limits: EndpointThresholds, timing: AlarmTiming
) -> list[AlarmRule]:
    """Return all rules for a variant.

    Args:
        metrics: what is measured of it.
        variant: what it runs on.
        limits: what is still good.
        timing: for how long it has to be bad; the period is that of the metrics.
    """
    refused = metrics.error_rate("4XX")
    memory = metrics.utilization("MemoryUtilization", Stats.MAXIMUM)
    return [
        *failure_rules(metrics, limits, timing),
        *_above("4xx", limits.error_4xx_percent, refused, timing, "% of the requests are refused", scale=_SHARE),
        *_above("memory", limits.memory_percent, memory, timing, "% of an instance's memory is used"),
        *(
            _instance_rules(metrics, variant.capacity, limits, timing)
            if isinstance(variant.capacity, InstanceFleet)
            else []
        ),
    ]


def _instance_rules(
    metrics: EndpointMetrics, fleet: InstanceFleet, limits: EndpointThresholds, timing: AlarmTiming
) -> list[AlarmRule]:
    """Return the rules for what SageMaker measures only where there are instances.

    Of a serverless endpoint it measures no processors and no disk, and its overhead contains cold starts; see
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
            "ms, which SageMaker adds to one of 100 requests",
            scale=_MICROSECONDS,
        ),
        *_above(
            "cpu", limits.cpu_percent, cpu, timing, "% of the processors is used", scale=processors(fleet.instance_type)
        ),
        *_above("gpu", gpu_percent, gpu, timing, "% of the GPUs is used", scale=gpus(fleet.instance_type)),
        *_above("disk", limits.disk_percent, disk, timing, "% of an instance's disk is used"),
        *_scaled_out(metrics, fleet, limits.max_instances_minutes),
    ]


def _above(
    kind: str, limit: float | None, metric: IMetric, timing: AlarmTiming, what: str, *, scale: float = 1
) -> list[AlarmRule]:
    """Return the rule that a metric is not above a limit, if there is one.

    Args:
        kind: what the alarm's name ends with.
        limit: as an environment says it.
        metric: what is measured.
        timing: for how long it has to be bad.
        what: the unit of the limit, and of what it is one.
        scale: the limit's unit in units of the metric.
    """
    if limit is None:
        return []
    description = f"More than {limit:g} {what}"
    # A share is written as 0.07, not as 0.07000000000000001.
    return [
        AlarmRule(kind=kind, description=description, metric=metric, timing=timing, threshold=round(limit * scale, 9))
    ]


def _scaled_out(metrics: EndpointMetrics, fleet: InstanceFleet, minutes: int | None) -> list[AlarmRule]:
    if minutes is None or fleet.min_instances == fleet.max_instances:
        return []
    return [
        AlarmRule(
            kind="instances",
            description=f"As many instances as there may be, {fleet.max_instances}, for {minutes} minutes",
            metric=metrics.with_period(_MINUTE).instances(),
            timing=AlarmTiming(period=_MINUTE, evaluation_periods=minutes, datapoints_to_alarm=minutes),
            threshold=fleet.max_instances,
            reached_is_bad=True,
        )
    ]
