"""What rolls an update of the endpoint back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aws_cdk import ArnFormat, CfnCondition, Stack

from constructs import Construct
from constructs.common.grants import grant
from constructs.monitoring.endpoint_alarms import alarm_prefix
from constructs.monitoring.endpoint_metrics import EndpointMetrics
from constructs.monitoring.endpoint_rules import EndpointThresholds, failure_rules
from constructs.monitoring.metric_alarm import AlarmRule, AlarmSettings, AlarmTiming, MetricAlarm
from constructs.serving.endpoint import TopicEndpoint


@dataclass(frozen=True, kw_only=True)
class RollbackAlarmsProps:
    """What is watched while an endpoint is updated.

    Attributes:
        endpoint_name: the endpoint.
        variants: the names of its variants that answer requests.
        thresholds: what is still good.
        timing: for how long it has to be bad.
        condition: whether there is an endpoint; without it, there always is one.
    """

    endpoint_name: str
    variants: Sequence[str]
    thresholds: EndpointThresholds
    timing: AlarmTiming
    condition: CfnCondition | None = None


class RollbackAlarms(Construct):
    """Alarms on what requests get from the newest fleet only.

    On the metrics of the whole endpoint they would do harm: while the model that is served is bad, no update could
    replace it, since SageMaker ends an update as soon as one of the alarms goes off, whichever fleet is the reason; and
    errors of a small canary would not be seen among the good answers of the old fleet. See
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html.
    """

    def __init__(self, scope: Construct, id: str, props: RollbackAlarmsProps, *, endpoint: TopicEndpoint) -> None:
        super().__init__(scope, id)
        for variant in props.variants:
            settings = AlarmSettings(prefix=alarm_prefix(props.endpoint_name, variant), condition=props.condition)
            of_variant = Construct(self, variant)
            for rule in _rules(props, variant, endpoint.config_name):
                # The endpoint is updated when the alarm watches the fleet that is to come.
                endpoint.depend_on(MetricAlarm(of_variant, rule, settings))
        # SageMaker looks at the alarms as this role.
        stack = Stack.of(self)
        grant(
            endpoint.role,
            actions=["cloudwatch:DescribeAlarms"],
            resources=[
                stack.format_arn(
                    service="cloudwatch",
                    resource="alarm",
                    resource_name=name,
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
                for name in rollback_alarm_names(props)
            ],
        )


def rollback_alarm_names(props: RollbackAlarmsProps) -> tuple[str, ...]:
    """Return the alarms' names, which an endpoint's deployment configuration holds."""
    return tuple(
        AlarmSettings(prefix=alarm_prefix(props.endpoint_name, variant)).name(rule)
        for variant in props.variants
        for rule in _rules(props, variant)
    )


def _rules(props: RollbackAlarmsProps, variant: str, config_name: str | None = None) -> list[AlarmRule]:
    metrics = EndpointMetrics(
        endpoint_name=props.endpoint_name, variant=variant, period=props.timing.period, config_name=config_name
    )
    rules = failure_rules(metrics, props.thresholds, props.timing)
    return [replace(rule, kind=f"update-{rule.kind}", description=f"New fleet: {rule.description}") for rule in rules]
