"""Actions of CloudWatch alarms: messages, events and autoscaling.

See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html.
"""

import json
import logging
from collections.abc import Sequence
from typing import Any

from moto.cloudwatch.models import Dimension, MetricDataQuery, MetricStat
from moto.sns.models import sns_backends

from localcloud.authorization.enforcement import NotAuthorized, require_service
from localcloud.core import event_bus
from localcloud.core.policy import account_of
from localcloud.services.applicationautoscaling.target_tracking import is_scaling_policy, scale
from localcloud.services.cloudwatch.alarm import LocalAlarm
from localcloud.services.cloudwatch.alarm_state import State
from localcloud.services.cloudwatch.statistics import percentile_of

logger = logging.getLogger(__name__)

_SERVICE = "cloudwatch.amazonaws.com"
STATE_CHANGED = "CloudWatch Alarm State Change"


def act(alarm: LocalAlarm, before: State) -> None:
    """Run the actions of an alarm's new state; one that fails is logged and skipped, as CloudWatch does."""
    state = State(alarm.state_value)
    logger.info("Alarm %s: %s -> %s. %s", alarm.name, before, state, alarm.state_reason)
    event_bus.send("aws.cloudwatch", STATE_CHANGED, [alarm.alarm_arn], _event(alarm, before))
    for arn in alarm.actions_of(state):
        try:
            _do(arn, alarm, before)
        except NotAuthorized as denial:
            logger.warning("Alarm %s could not act on %s: %s", alarm.name, arn, denial.message)
        except Exception:
            logger.exception("Alarm %s could not act on %s", alarm.name, arn)


def repeat(alarm: LocalAlarm) -> None:
    """Repeat the scaling actions of an alarm that remains in its state."""
    for arn in alarm.actions_of(State(alarm.state_value)):
        if is_scaling_policy(arn):
            scale(arn, alarm)


def _do(arn: str, alarm: LocalAlarm, before: State) -> None:
    if is_scaling_policy(arn):
        scale(arn, alarm)
        return
    service = arn.split(":")[2]
    if service != "sns":
        raise NotImplementedError(
            f"Alarm actions on {service} are not supported; allowed: SNS topics and scaling policies."
        )
    require_service(_SERVICE, "sns:Publish", arn, source_arn=alarm.alarm_arn)
    _, _, _, region, account, _ = arn.split(":", 5)
    subject = f'{alarm.state_value}: "{alarm.name}" in {alarm.region_name}'
    sns_backends[account][region].publish(json.dumps(_message(alarm, before)), arn=arn, subject=subject[:100])


def _message(alarm: LocalAlarm, before: State) -> dict[str, Any]:
    """Return the message to a topic, in AWS's form."""
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account_of(alarm.alarm_arn),
        "AlarmConfigurationUpdatedTimestamp": f"{alarm.configuration_updated_timestamp:%Y-%m-%dT%H:%M:%S.000+0000}",
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": f"{alarm.state_updated_timestamp:%Y-%m-%dT%H:%M:%S.000+0000}",
        "Region": alarm.region_name,
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "Trigger": _trigger(alarm),
    }


def _trigger(alarm: LocalAlarm) -> dict[str, Any]:
    watched: dict[str, Any] = {"Metrics": [_query(query) for query in alarm.metric_data_queries]}
    if not alarm.metric_data_queries:
        stat = str(alarm.statistic or alarm.extended_statistic)
        kind = "Statistic" if percentile_of(stat) is None else "ExtendedStatistic"
        watched = {
            "MetricName": alarm.metric_name,
            "Namespace": alarm.namespace,
            "StatisticType": kind,
            kind: stat.upper() if kind == "Statistic" else stat,
            "Unit": alarm.unit,
            "Dimensions": _lower_case(alarm.dimensions),
            "Period": alarm.period,
        }
    return {
        **watched,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm or alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing_data or "missing",
    }


def _event(alarm: LocalAlarm, before: State) -> dict[str, Any]:
    """Return the event's detail."""
    return {
        "alarmName": alarm.name,
        "state": {
            "value": alarm.state_value,
            "reason": alarm.state_reason,
            "reasonData": alarm.state_reason_data,
            "timestamp": f"{alarm.state_updated_timestamp:%Y-%m-%dT%H:%M:%S.000+0000}",
        },
        "previousState": {"value": before},
        "configuration": {"description": alarm.description},
    }


def _query(query: MetricDataQuery) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Id": query.id,
        "Label": query.label,
        "Expression": query.expression,
        "ReturnData": query.return_data,
    }
    if query.metric_stat:
        found["MetricStat"] = _stat(query.metric_stat)
    return {name: value for name, value in found.items() if value is not None}


def _stat(stat: MetricStat) -> dict[str, Any]:
    metric = stat.metric
    described = {"Namespace": metric.namespace, "MetricName": metric.metric_name}
    return {
        "Metric": {**described, "Dimensions": _lower_case(metric.dimensions)},
        "Period": stat.period,
        "Stat": stat.stat,
    }


def _lower_case(dimensions: Sequence[Dimension]) -> list[dict[str, str | None]]:
    """Return dimensions as they appear in messages, where their keys are in lower case."""
    return [{"value": dimension.value, "name": dimension.name} for dimension in dimensions]
