"""An alarm on one metric, as all alarms here are."""

from dataclasses import dataclass

from aws_cdk import CfnCondition, CfnResource, Duration, aws_cloudwatch, aws_cloudwatch_actions, aws_sns
from aws_cdk.aws_cloudwatch import ComparisonOperator, IMetric, TreatMissingData

from constructs import Construct


@dataclass(frozen=True, kw_only=True)
class AlarmTiming:
    """How long something has to be bad.

    Attributes:
        period: the time that one value of a metric covers.
        evaluation_periods: the number of latest values that count.
        datapoints_to_alarm: the number of those that must be bad.
    """

    period: Duration
    evaluation_periods: int
    datapoints_to_alarm: int


ONCE = AlarmTiming(period=Duration.minutes(1), evaluation_periods=1, datapoints_to_alarm=1)
"""The timing of what must not happen at all."""


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """What is bad.

    Attributes:
        kind: a word for it, which the alarm's name ends with.
        description: a sentence for whoever gets the message.
        metric: what is measured.
        timing: for how long it has to be bad.
        threshold: the greatest value that is good; or the least that is bad, with ``reached_is_bad``.
        reached_is_bad: whether the threshold itself is bad.
    """

    kind: str
    description: str
    metric: IMetric
    timing: AlarmTiming
    threshold: float
    reached_is_bad: bool = False


@dataclass(frozen=True, kw_only=True)
class AlarmSettings:
    """What alarms of one group have in common.

    Attributes:
        prefix: what their names begin with.
        topic: is told; without it, nobody is.
        tells_when_over: whether the topic is told, too, when it is good again.
        condition: whether the alarms exist; without it, they always do.
    """

    prefix: str
    topic: aws_sns.ITopic | None = None
    tells_when_over: bool = False
    condition: CfnCondition | None = None

    def name(self, rule: AlarmRule) -> str:
        """Return the name of the alarm for a rule."""
        return f"{self.prefix}-{rule.kind}"


class MetricAlarm(aws_cloudwatch.Alarm):
    """An alarm; where nothing is measured, nothing is bad."""

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
            if settings.tells_when_over:
                self.add_ok_action(action)
        resource = self.node.default_child
        assert isinstance(resource, CfnResource)
        resource.cfn_options.condition = settings.condition
