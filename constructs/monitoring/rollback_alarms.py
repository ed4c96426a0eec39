"""CloudWatch alarms that roll back updates of the endpoint."""

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
    """Properties of the rollback alarms.

    Attributes:
        endpoint_name: Name of the endpoint.
        variants: Names of the variants that respond to requests.
        thresholds: Alarm thresholds.
        timing: Period and number of data points to alarm.
        condition: Condition under which the endpoint exists; None if it always does.
    """

    endpoint_name: str
    variants: Sequence[str]
    thresholds: EndpointThresholds
    timing: AlarmTiming
    condition: CfnCondition | None = None


class RollbackAlarms(Construct):
    """Alarms on the metrics of the new fleet only.

    Alarms on the whole endpoint would be harmful. No update could replace a bad model, because SageMaker aborts an
    update as soon as an alarm goes off, no matter which fleet caused it. Moreover, healthy responses of the old fleet
    would mask the errors of a small canary. See
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html.
    """

    def __init__(self, scope: Construct, id: str, props: RollbackAlarmsProps, *, endpoint: TopicEndpoint) -> None:
        super().__init__(scope, id)
        for variant in props.variants:
            settings = AlarmSettings(prefix=alarm_prefix(props.endpoint_name, variant), condition=props.condition)
            of_variant = Construct(self, variant)
            for rule in _rules(props, variant, endpoint.config_name):
                # The alarm must watch the new fleet before the endpoint is updated.
                endpoint.depend_on(MetricAlarm(of_variant, rule, settings))
        # SageMaker reads the alarms with this role.
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
    """Return the alarm names for an endpoint's deployment configuration."""
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
