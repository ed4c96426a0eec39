"""Alarms on a single metric."""

from dataclasses import dataclass

from aws_cdk import CfnCondition, CfnResource, Duration, aws_cloudwatch, aws_cloudwatch_actions, aws_sns
from aws_cdk.aws_cloudwatch import ComparisonOperator, IMetric, TreatMissingData

from constructs import Construct


@dataclass(frozen=True, kw_only=True)
class AlarmTiming:
    """Evaluation of an alarm over time ("M out of N" data points).

    Attributes:
        period: Metric period.
        evaluation_periods: Number of most recent periods to evaluate.
        datapoints_to_alarm: Number of breaching data points among them that triggers the alarm.
    """

    period: Duration
    evaluation_periods: int
    datapoints_to_alarm: int


ONCE = AlarmTiming(period=Duration.minutes(1), evaluation_periods=1, datapoints_to_alarm=1)
"""Timing that alarms on a single breaching data point."""


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """Alarm condition.

    Attributes:
        kind: Suffix of the alarm's name.
        description: Description, which is part of the notification.
        metric: Metric.
        timing: Timing.
        threshold: Threshold; higher values breach it.
        reached_is_bad: Whether a value equal to the threshold breaches it too.
    """

    kind: str
    description: str
    metric: IMetric
    timing: AlarmTiming
    threshold: float
    reached_is_bad: bool = False


@dataclass(frozen=True, kw_only=True)
class AlarmSettings:
    """Settings shared by a group of alarms.

    Attributes:
        prefix: Prefix of the alarm names.
        topic: Topic for notifications, if any.
        notifies_ok: Whether the topic is also notified when an alarm returns to OK.
        condition: Condition under which the alarms exist; None if they always do.
    """

    prefix: str
    topic: aws_sns.ITopic | None = None
    notifies_ok: bool = False
    condition: CfnCondition | None = None

    def name(self, rule: AlarmRule) -> str:
        """Return the alarm name for a rule."""
        return f"{self.prefix}-{rule.kind}"


class MetricAlarm(aws_cloudwatch.Alarm):
    """Alarm that treats missing data as not breaching."""

    def __init__(self, scope: Construct, rule: AlarmRule, settings: AlarmSettings) -> None:
        super().__init__(
            scope,
            rule.kind,
            alarm_name=settings.name(rule),
            alarm_description=rule.description,
            metric=rule.metric,
            threshold=rule.threshold,
            comparison_operator=ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
            if rule.reached_is_bad
            else ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=rule.timing.evaluation_periods,
            datapoints_to_alarm=rule.timing.datapoints_to_alarm,
            treat_missing_data=TreatMissingData.NOT_BREACHING,
        )
        if settings.topic:
            action = aws_cloudwatch_actions.SnsAction(settings.topic)
            self.add_alarm_action(action)
            if settings.notifies_ok:
                self.add_ok_action(action)
        resource = self.node.default_child
        assert isinstance(resource, CfnResource)
        resource.cfn_options.condition = settings.condition
