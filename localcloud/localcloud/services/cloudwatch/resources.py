"""CloudWatch alarms in CloudFormation, which moto lacks; it does support dashboards."""

from typing import Any

from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends

from localcloud.core.resource_model import ResourceModel
from localcloud.services.cloudwatch.alarm import metric_queries

# CloudFormation's properties and moto's names for them.
_PROPERTIES = {
    "Namespace": "namespace",
    "MetricName": "metric_name",
    "Dimensions": "dimensions",
    "Statistic": "statistic",
    "ExtendedStatistic": "extended_statistic",
    "Unit": "unit",
    "ComparisonOperator": "comparison_operator",
    "TreatMissingData": "treat_missing_data",
    "EvaluateLowSampleCountPercentile": "evaluate_low_sample_count_percentile",
    "AlarmDescription": "description",
    "AlarmActions": "alarm_actions",
    "OKActions": "ok_actions",
    "InsufficientDataActions": "insufficient_data_actions",
    "Tags": "tags",
}
_NUMBERS = {
    "EvaluationPeriods": ("evaluation_periods", int),
    "DatapointsToAlarm": ("datapoints_to_alarm", int),
    "Period": ("period", int),
    "Threshold": ("threshold", float),
}
_LISTS = ("dimensions", "alarm_actions", "ok_actions", "insufficient_data_actions")


class AlarmResource(ResourceModel):
    """``AWS::CloudWatch::Alarm``."""

    TYPE = "AWS::CloudWatch::Alarm"

    @property
    def physical_resource_id(self) -> str:
        """The alarm's name."""
        return str(self.properties.get("AlarmName", self.name))

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the alarm's ARN."""
        return str({"Arn": self._cloudwatch.alarms[self.physical_resource_id].alarm_arn}[attribute_name])

    def put(self) -> None:
        """Create or update the alarm; an update keeps its state until the next evaluation."""
        given = self.properties
        request: dict[str, Any] = dict.fromkeys((*_PROPERTIES.values(), *(name for name, _ in _NUMBERS.values())))
        request |= {name: [] for name in _LISTS}
        request |= {ours: given[theirs] for theirs, ours in _PROPERTIES.items() if theirs in given}
        request |= {ours: kind(given[theirs]) for theirs, (ours, kind) in _NUMBERS.items() if theirs in given}
        self._cloudwatch.put_metric_alarm(
            name=self.physical_resource_id,
            metric_data_queries=metric_queries(given.get("Metrics", [])),
            actions_enabled=str(given.get("ActionsEnabled", True)).lower() == "true",
            **request,
        )

    def remove(self) -> None:
        """Delete the alarm."""
        self._cloudwatch.delete_alarms([self.physical_resource_id])

    @property
    def _cloudwatch(self) -> CloudWatchBackend:
        return cloudwatch_backends[self.account_id][self.region_name]
