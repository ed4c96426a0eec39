"""CloudWatch alarms for the endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import CfnCondition, aws_sns

from constructs import Construct
from constructs.monitoring.endpoint_metrics import EndpointMetrics
from constructs.monitoring.endpoint_rules import EndpointThresholds, endpoint_rules
from constructs.monitoring.metric_alarm import AlarmSettings, AlarmTiming, MetricAlarm
from constructs.serving.variants import ALL_TRAFFIC, EndpointVariant


@dataclass(frozen=True, kw_only=True)
class EndpointAlarmsProps:
    """Properties of the endpoint's alarms.

    Attributes:
        endpoint_name: Name of the endpoint.
        variants: Variants that respond to requests.
        thresholds: Alarm thresholds.
        timing: Period and number of data points to alarm.
        topic: Topic for the alarm and OK states.
        condition: Condition under which the endpoint exists; None if it always does.
    """

    endpoint_name: str
    variants: Sequence[EndpointVariant]
    thresholds: EndpointThresholds
    timing: AlarmTiming
    topic: aws_sns.ITopic
    condition: CfnCondition | None = None


class EndpointAlarms(Construct):
    """Alarms on errors, latency and utilization of each variant.

    Attributes:
        names: Names of the alarms.
    """

    def __init__(self, scope: Construct, id: str, props: EndpointAlarmsProps) -> None:
        super().__init__(scope, id)
        names: list[str] = []
        for variant in props.variants:
            metrics = EndpointMetrics(
                endpoint_name=props.endpoint_name, variant=variant.name, period=props.timing.period
            )
            settings = AlarmSettings(
                prefix=alarm_prefix(props.endpoint_name, variant.name),
                topic=props.topic,
                notifies_ok=True,
                condition=props.condition,
            )
            of_variant = Construct(self, variant.name)
            for rule in endpoint_rules(metrics, variant, props.thresholds, props.timing):
                MetricAlarm(of_variant, rule, settings)
                names.append(settings.name(rule))
        self.names = tuple(names)


def alarm_prefix(endpoint_name: str, variant: str) -> str:
    """Return the prefix of a variant's alarm names; for the approved model, the endpoint's name."""
    return endpoint_name if variant == ALL_TRAFFIC else f"{endpoint_name}-{variant}"
