"""CloudWatch dashboard of an environment."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import ArnFormat, Duration, Stack, aws_cloudwatch
from aws_cdk.aws_cloudwatch import Alarm, AlarmStatusWidget, GraphWidget, IMetric, Metric, Stats, YAxisProps

from constructs import Construct
from constructs.common.instance_sizes import gpus
from constructs.monitoring.endpoint_metrics import EndpointMetrics
from constructs.monitoring.process_metrics import errors, executions, invocations, waiting
from constructs.serving.model_approval import ModelApproval
from constructs.serving.variants import EndpointVariant, InstanceFleet

_WIDTH = 24
_HEIGHT = 6
_MINUTE = Duration.minutes(1)


@dataclass(frozen=True, kw_only=True)
class DashboardProps:
    """Properties of the dashboard.

    Attributes:
        name: Name of the dashboard.
        alarms: Names of the alarms.
        endpoint_name: Name of the endpoint.
        variants: Variants of the endpoint, including shadow variants.
        pipeline_name: Name of the SageMaker pipeline.
        approval: Automatic deployment of approved models, if enabled.
    """

    name: str
    alarms: Sequence[str]
    endpoint_name: str
    variants: Sequence[EndpointVariant]
    pipeline_name: str
    approval: ModelApproval | None


class Dashboard(Construct):
    """Dashboard with alarm states and metrics in rows: alarms, each variant, runs and approvals."""

    def __init__(self, scope: Construct, id: str, props: DashboardProps) -> None:
        super().__init__(scope, id)
        dashboard = aws_cloudwatch.Dashboard(
            self, "Dashboard", dashboard_name=props.name, default_interval=Duration.hours(12)
        )
        if props.alarms:
            dashboard.add_widgets(self._alarms(props.alarms))
        for variant in props.variants:
            metrics = EndpointMetrics(endpoint_name=props.endpoint_name, variant=variant.name, period=_MINUTE)
            dashboard.add_widgets(*_requests(metrics, variant))
            dashboard.add_widgets(*_capacity(metrics, variant))
        dashboard.add_widgets(*_processes(props.pipeline_name, props.approval))

    def _alarms(self, names: Sequence[str]) -> AlarmStatusWidget:
        """Return the alarm widget. It refers to alarms by name, since the endpoint's exist only if there is a model."""
        stack = Stack.of(self)
        arns = [
            stack.format_arn(
                service="cloudwatch",
                resource="alarm",
                resource_name=name,
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            for name in names
        ]
        found = [Alarm.from_alarm_arn(self, f"Alarm{number}", arn) for number, arn in enumerate(arns)]
        return AlarmStatusWidget(title="Alarms", alarms=found, width=_WIDTH)


def _requests(metrics: EndpointMetrics, variant: EndpointVariant) -> list[GraphWidget]:
    name = variant.name
    return [
        _graph(f"{name}: requests a minute", [_as(metrics.invocations(), "requests")], columns=4),
        _graph(
            f"{name}: share that is refused or fails",
            [_as(metrics.error_rate("4XX"), "4xx"), _as(metrics.error_rate("5XX"), "5xx")],
            columns=4,
        ),
        _graph(
            f"{name}: model latency",
            [_as(metrics.model_latency(percentile), f"p{percentile}") for percentile in (50, 99)],
            columns=4,
            unit="µs",
        ),
        _graph(
            f"{name}: overhead latency",
            [_as(metrics.overhead_latency(percentile), f"p{percentile}") for percentile in (50, 99)],
            columns=4,
            unit="µs",
        ),
    ]


def _capacity(metrics: EndpointMetrics, variant: EndpointVariant) -> list[GraphWidget]:
    """Return graphs of the metrics that SageMaker publishes for the variant's kind of capacity.

    Serverless variants have only a few; see
    https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-monitoring.html.
    """
    name = variant.name
    memory = _as(metrics.utilization("MemoryUtilization", Stats.MAXIMUM), "memory, fullest")
    if not isinstance(variant.capacity, InstanceFleet):
        return [_graph(f"{name}: memory", [memory], columns=1, unit="%")]
    graphs: list[tuple[str, list[IMetric], str | None]] = [
        ("requests a minute and instance", [_as(metrics.invocations_per_instance(), "requests")], None),
        ("instances", [metrics.instances().with_(label="instances")], None),
        ("processors, sum over each", [_as(metrics.utilization("CPUUtilization"), "CPU, mean")], "%"),
        (
            "memory and disk",
            [memory, _as(metrics.utilization("DiskUtilization", Stats.MAXIMUM), "disk, fullest")],
            "%",
        ),
    ]
    if gpus(variant.capacity.instance_type):
        use: list[IMetric] = [
            _as(metrics.utilization("GPUUtilization"), "GPU, mean"),
            _as(metrics.utilization("GPUMemoryUtilization", Stats.MAXIMUM), "GPU memory, fullest"),
        ]
        graphs.append(("GPUs, sum over each", use, "%"))
    return [_graph(f"{name}: {title}", lines, columns=len(graphs), unit=unit) for title, lines, unit in graphs]


def _processes(pipeline_name: str, approval: ModelApproval | None) -> list[GraphWidget]:
    runs = [
        _as(executions(pipeline_name, what), what.lower()) for what in ("Started", "Succeeded", "Failed", "Stopped")
    ]
    if approval is None:
        return [_graph("Runs of the pipeline", runs, columns=1)]
    approvals = [
        _as(invocations(approval.update_notification), "updates that went back"),
        _as(waiting(approval.dead_letter_queue), "given up"),
        _as(errors(approval.function), "errors following them"),
        _as(errors(approval.update_notification), "errors telling of failed updates"),
    ]
    return [
        _graph("Runs of the pipeline", runs, columns=2),
        _graph("Approvals that were not followed", approvals, columns=2),
    ]


def _graph(title: str, lines: Sequence[IMetric], *, columns: int, unit: str | None = None) -> GraphWidget:
    return GraphWidget(
        title=title,
        left=list(lines),
        left_y_axis=YAxisProps(min=0, label=unit, show_units=unit is None),
        width=_WIDTH // columns,
        height=_HEIGHT,
    )


def _as(metric: Metric, label: str) -> Metric:
    return metric.with_(label=label)
