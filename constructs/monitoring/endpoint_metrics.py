"""What SageMaker measures of an endpoint.

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
    """The metrics of one variant.

    Attributes:
        endpoint_name: the endpoint.
        variant: the variant's name.
        period: the time that one value covers.
        config_name: the endpoint configuration, where only the fleet is meant that was made of it; otherwise all fleets
            count that have requests, which are two while an endpoint is updated. See "Monitor model latency on the new
            fleet" in https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html.
    """

    endpoint_name: str
    variant: str
    period: Duration
    config_name: str | None = None

    def with_period(self, period: Duration) -> "EndpointMetrics":
        """Return the same metrics, of which one value covers another time."""
        return replace(self, period=period)

    def invocations(self) -> Metric:
        """Return the number of requests."""
        return self._metric(_REQUESTS, "Invocations", Stats.SUM)

    def error_rate(self, kind: Literal["4XX", "5XX"]) -> Metric:
        """Return the share of the requests that were answered like this, from 0 to 1.

        SageMaker sends a 1 for each of them and a 0 for each other request, so that the average is their share.
        """
        return self._metric(_REQUESTS, f"Invocation{kind}Errors", Stats.AVERAGE)

    def model_latency(self, percentile: int) -> Metric:
        """Return the time within which the model answered so many of 100 requests, in microseconds."""
        return self._metric(_REQUESTS, "ModelLatency", Stats.percentile(percentile))

    def overhead_latency(self, percentile: int) -> Metric:
        """Return the time that SageMaker added for so many of 100 requests, in microseconds."""
        return self._metric(_REQUESTS, "OverheadLatency", Stats.percentile(percentile))

    def invocations_per_instance(self) -> Metric:
        """Return the number of requests that each instance had, which autoscaling follows."""
        return self._metric(_REQUESTS, "InvocationsPerInstance", Stats.SUM)

    def instances(self) -> MathExpression:
        """Return the number of instances, while there are requests.

        No metric is that number; but SageMaker sends 1 divided by it as ``InvocationsPerInstance`` of each request.
        """
        return MathExpression(
            expression="invocations / per_instance",
            using_metrics={"invocations": self.invocations(), "per_instance": self.invocations_per_instance()},
            period=self.period,
        )

    def utilization(self, name: Utilization, statistic: str = Stats.AVERAGE) -> Metric:
        """Return how much of something the instances use, in percent.

        Of processors and GPUs it is the sum: four of them, all busy, are 400 percent.
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
