"""Who is told when the endpoint is not well."""

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
    """What is watched.

    Attributes:
        endpoint_name: the endpoint.
        variants: those of its variants that answer requests.
        thresholds: what is still good.
        timing: for how long it has to be bad.
        topic: is told when an alarm begins and when it is over.
        condition: whether there is an endpoint; without it, there always is one.
    """

    endpoint_name: str
    variants: Sequence[EndpointVariant]
    thresholds: EndpointThresholds
    timing: AlarmTiming
    topic: aws_sns.ITopic
    condition: CfnCondition | None = None


class EndpointAlarms(Construct):
    """Alarms on what requests get and on what instances have left, for each variant.

    Attributes:
        names: the alarms' names.
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
                tells_when_over=True,
                condition=props.condition,
            )
            of_variant = Construct(self, variant.name)
            for rule in endpoint_rules(metrics, variant, props.thresholds, props.timing):
                MetricAlarm(of_variant, rule, settings)
                names.append(settings.name(rule))
        self.names = tuple(names)


def alarm_prefix(endpoint_name: str, variant: str) -> str:
    """Return what the names of a variant's alarms begin with: the endpoint's name, for the approved model's."""
    return endpoint_name if variant == ALL_TRAFFIC else f"{endpoint_name}-{variant}"
