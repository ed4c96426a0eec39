"""CloudWatch metrics of an endpoint.

See https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html.
"""

from dataclasses import dataclass, replace
from typing import Literal

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import MathExpression, Metric, Stats

_REQUESTS = "AWS/SageMaker"
_INSTANCES = "/aws/sagemaker/Endpoints"

Utilization = Literal[
    "CPUUtilization", "MemoryUtilization", "DiskUtilization", "GPUUtilization", "GPUMemoryUtilization"
]


@dataclass(frozen=True, kw_only=True)
class EndpointMetrics:
    """Metrics of one variant.

    Attributes:
        endpoint_name: Name of the endpoint.
        variant: Name of the variant.
        period: Metric period.
        config_name: Endpoint configuration whose fleet is measured. By default, the metrics cover all fleets, of which
            there are two during an update. See "Monitor model latency on the new fleet" in
            https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html.
    """

    endpoint_name: str
    variant: str
    period: Duration
    config_name: str | None = None

    def with_period(self, period: Duration) -> "EndpointMetrics":
        """Return the metrics with another period."""
        return replace(self, period=period)

    def invocations(self) -> Metric:
        """Return the number of requests."""
        return self._metric(_REQUESTS, "Invocations", Stats.SUM)

    def error_rate(self, kind: Literal["4XX", "5XX"]) -> Metric:
        """Return the share of requests with this kind of error, from 0 to 1.

        SageMaker publishes 1 for each of them and 0 for every other request, so the average is their share.
        """
        return self._metric(_REQUESTS, f"Invocation{kind}Errors", Stats.AVERAGE)

    def model_latency(self, percentile: int) -> Metric:
        """Return a percentile of the model latency, in microseconds."""
        return self._metric(_REQUESTS, "ModelLatency", Stats.percentile(percentile))

    def overhead_latency(self, percentile: int) -> Metric:
        """Return a percentile of the overhead latency, in microseconds."""
        return self._metric(_REQUESTS, "OverheadLatency", Stats.percentile(percentile))

    def invocations_per_instance(self) -> Metric:
        """Return the number of requests per instance, the metric that autoscaling tracks."""
        return self._metric(_REQUESTS, "InvocationsPerInstance", Stats.SUM)

    def instances(self) -> MathExpression:
        """Return the number of instances, available only while there are requests.

        There is no metric for it, but each request contributes 1 / instances to ``InvocationsPerInstance``.
        """
        return MathExpression(
            expression="invocations / per_instance",
            using_metrics={"invocations": self.invocations(), "per_instance": self.invocations_per_instance()},
            period=self.period,
        )

    def utilization(self, name: Utilization, statistic: str = Stats.AVERAGE) -> Metric:
        """Return a utilization metric, in percent.

        CPU and GPU utilization is a sum: four fully used CPUs count as 400 percent.
        """
        return self._metric(_INSTANCES, name, statistic)

    def _metric(self, namespace: str, name: str, statistic: str) -> Metric:
        dimensions = {"EndpointName": self.endpoint_name, "VariantName": self.variant}
        if self.config_name is not None:
            dimensions["EndpointConfigName"] = self.config_name
        return Metric(
            namespace=namespace,
            metric_name=name,
            dimensions_map=dimensions,
            statistic=statistic,
            period=self.period,
        )
