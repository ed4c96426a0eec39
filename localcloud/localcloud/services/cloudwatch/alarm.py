"""CloudWatch alarms on top of moto's."""

from collections.abc import Mapping
from typing import Any

from moto.cloudwatch.models import Alarm, Dimension, Metric, MetricDataQuery, MetricStat

from localcloud.services.cloudwatch.alarm_state import State


class LocalAlarm(Alarm):
    """An alarm that starts in INSUFFICIENT_DATA, where moto's starts in OK.

    Attributes:
        state_transitioned_timestamp: Time of the latest change of state.
        last_minute: The latest minute in which its actions ran.
    """

    class Meta:
        """Response members, which moto would otherwise look up by the name of its own class."""

        serialization_aliases = {
            "AlarmName": "name",
            "AlarmDescription": "description",
            "AlarmConfigurationUpdatedTimestamp": "configuration_updated_timestamp",
            "Metrics": "metric_data_queries",
        }

    def __init__(self, **request: Any):
        super().__init__(**request)
        self.state_value = State.INSUFFICIENT_DATA
        self.state_transitioned_timestamp = self.state_updated_timestamp
        self.last_minute: float | None = None

    @property
    def is_composite(self) -> bool:
        """True for a composite alarm."""
        return self.rule is not None

    def actions_of(self, state: State) -> list[str]:
        """Return the ARNs of the actions of a state."""
        actions = {
            State.OK: self.ok_actions,
            State.ALARM: self.alarm_actions,
            State.INSUFFICIENT_DATA: self.insufficient_data_actions,
        }
        return list(actions[state]) if self.actions_enabled else []

    def update_state(self, reason: str, reason_data: str, state_value: str) -> None:
        """Set the state."""
        changes = state_value != self.state_value
        super().update_state(reason, reason_data, state_value)
        if changes:
            self.state_transitioned_timestamp = self.state_updated_timestamp

    def take_state(self, other: "LocalAlarm") -> None:
        """Copy another alarm's state: updating an alarm's definition keeps its state."""
        for name in ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history"):
            setattr(self, name, getattr(other, name))
        self.state_transitioned_timestamp = other.state_transitioned_timestamp


def metric_queries(queries: list[dict[str, Any]], default_period: int | None = None) -> list[MetricDataQuery]:
    """Return an alarm's ``Metrics`` in moto's form."""
    return [
        MetricDataQuery(
            query_id=query["Id"],
            label=query.get("Label"),  # type: ignore[arg-type]
            period=query.get("Period"),  # type: ignore[arg-type]
            return_data=query.get("ReturnData", True),
            expression=query.get("Expression"),
            metric_stat=_metric_stat(query["MetricStat"], default_period) if "MetricStat" in query else None,
        )
        for query in queries
    ]


def _metric_stat(given: Mapping[str, Any], default_period: int | None) -> MetricStat:
    metric = given["Metric"]
    dimensions = [Dimension(item["Name"], item["Value"]) for item in metric.get("Dimensions", [])]
    return MetricStat(
        metric=Metric(metric["MetricName"], metric["Namespace"], dimensions),
        period=given.get("Period", default_period),
        stat=given["Stat"],
        unit=given.get("Unit"),  # type: ignore[arg-type]
    )
