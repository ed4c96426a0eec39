"""CloudWatch: metrics identified by name and dimensions, as on AWS, and alarms that notify on state changes.

moto also returns metrics that have additional dimensions, and does not support expressions. See
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import moto.cloudwatch.models as moto_cloudwatch
from moto.cloudwatch import urls
from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ValidationError
from moto.cloudwatch.models import (
    Alarm,
    CloudWatchBackend,
    Dimension,
    Metric,
    MetricDatumBase,
    Statistics,
    cloudwatch_backends,
)
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow

from localcloud.services.cloudwatch.alarm import LocalAlarm
from localcloud.services.cloudwatch.alarm_state import State
from localcloud.services.cloudwatch.metric_math import MetricMathError, evaluate
from localcloud.services.cloudwatch.statistics import Distribution, LocalStatistics, naive_utc

OnChange = Callable[[LocalAlarm, State], None]
"""Callback for an alarm that changed its state; also receives the previous state."""

_LATEST = timedelta(minutes=2)
"""Maximum delay of data points that are still found."""

_MetricKey = tuple[str, str, frozenset[tuple[str | None, str | None]]]


class LocalCloudWatch(CloudWatchBackend):
    """CloudWatch's metrics and alarms.

    Attributes:
        on_change: Called for each alarm that changes its state.
    """

    on_change: OnChange | None = None
    alarms: dict[str, LocalAlarm]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._by_metric: dict[_MetricKey, list[MetricDatumBase]] = defaultdict(list)
        self._lock = threading.Lock()

    @property
    def _url_module(self) -> Any:
        return urls

    def put_metric_data(self, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        """Store data points of metrics."""
        for position, metric in enumerate(metric_data, 1):
            self._validate_parameters_put_metric_data(metric, position)
        with self._lock:
            known = len(self.metric_data)
            for metric in metric_data:
                if metric.get("Values"):
                    self.metric_data.append(Distribution(namespace, metric))
                else:
                    timestamp = naive_utc(metric.get("Timestamp")) or utcnow()
                    super().put_metric_data(namespace, [{**metric, "Timestamp": timestamp}])
            for datum in self.metric_data[known:]:
                self._by_metric[_key(datum.namespace, datum.name, datum.dimensions)].append(datum)

    def data_since(self, metric: Metric, begin: datetime) -> list[MetricDatumBase]:
        """Return a metric's data from a time on; data points arrive roughly in time order."""
        found = []
        for datum in reversed(self._by_metric.get(_key(metric.namespace, metric.metric_name, metric.dimensions), [])):
            if datum.timestamp < begin - _LATEST:
                break
            if datum.timestamp >= begin:
                found.append(datum)
        return found

    def get_metric_statistics(
        self,
        namespace: str,
        metric_name: str,
        start_time: datetime,
        end_time: datetime,
        period: int,
        stats: list[str],
        dimensions: list[dict[str, str]],
        unit: str | None = None,
    ) -> list[Statistics]:
        """Return a metric's statistics by period; exactly these dimensions identify the metric.

        Raises:
            InvalidParameterValue: The end is not after the start.
        """
        start, end = (time.replace(microsecond=0) for time in (start_time, end_time))
        if start >= end:
            raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
        wanted = _key(namespace, metric_name, [Dimension(item["Name"], item["Value"]) for item in dimensions])
        found: dict[int, LocalStatistics] = {}
        for datum in self.get_all_metrics():
            of_metric = _key(datum.namespace, datum.name, datum.dimensions) == wanted
            if of_metric and start <= datum.timestamp < end and unit in (None, datum.unit):
                number = int((datum.timestamp - start).total_seconds()) // period
                begin = start + timedelta(seconds=number * period)
                found.setdefault(number, LocalStatistics(stats, begin, datum.unit)).metric_data.append(datum)
        return [found[number] for number in sorted(found)]

    def get_metric_data(
        self,
        queries: list[dict[str, Any]],
        start_time: datetime,
        end_time: datetime,
        scan_by: str = "TimestampAscending",
    ) -> list[dict[str, Any]]:
        """Return metrics and expressions over them, by period.

        Raises:
            InvalidParameterValue: The end is not after the start.
            ValidationError: An expression is invalid.
        """
        series = {
            query["Id"]: self._series(query["MetricStat"], start_time, end_time)
            for query in queries
            if "MetricStat" in query
        }
        times = sorted({time for values in series.values() for time in values})
        for query in (query for query in queries if "Expression" in query):
            known = {name: [values.get(time) for time in times] for name, values in series.items()}
            try:
                values = evaluate(query["Expression"], known, len(times))
            except MetricMathError as error:
                raise ValidationError(str(error)) from error
            series[query["Id"]] = {time: value for time, value in zip(times, values, strict=True) if value is not None}
        descending = scan_by == "TimestampDescending"
        return [
            {
                "id": query["Id"],
                "label": query.get("Label")
                or query.get("MetricStat", {}).get("Metric", {}).get("MetricName", query["Id"]),
                "timestamps": sorted(series[query["Id"]], reverse=descending),
                "values": [series[query["Id"]][time] for time in sorted(series[query["Id"]], reverse=descending)],
                "status_code": "Complete",
            }
            for query in queries
            if query.get("ReturnData", True)
        ]

    def _series(self, wanted: Mapping[str, Any], start: datetime, end: datetime) -> dict[datetime, float]:
        """Return the values of a ``MetricStat`` by period, without empty periods."""
        metric, stat = wanted["Metric"], wanted["Stat"]
        points = self.get_metric_statistics(
            metric["Namespace"],
            metric["MetricName"],
            start,
            end,
            int(wanted["Period"]),
            [stat],
            metric.get("Dimensions", []),
            wanted.get("Unit"),
        )
        values = {point.timestamp: point.get_statistics_for_type(stat) for point in points}
        return {time: float(value) for time, value in values.items() if value is not None}

    def put_metric_alarm(self, name: str, *args: Any, **request: Any) -> Alarm:
        """Create or update an alarm; an update keeps its state."""
        before = self.alarms.get(name)
        alarm = super().put_metric_alarm(name, *args, **request)
        assert isinstance(alarm, LocalAlarm)
        if before:
            alarm.take_state(before)
        return alarm

    def set_alarm_state(self, alarm_name: str, reason: str, reason_data: str | None, state_value: str) -> None:
        """Set an alarm's state until its next evaluation, with all effects of a state change.

        Raises:
            ResourceNotFound: The alarm does not exist.
            ValidationError: The state does not exist.
        """
        before = self.alarms[alarm_name].state_value if alarm_name in self.alarms else ""
        super().set_alarm_state(alarm_name, reason, reason_data or "{}", state_value)
        self._tell(self.alarms[alarm_name], before)

    def change_state(self, alarm: LocalAlarm, state: State, reason: str, reason_data: Mapping[str, Any]) -> None:
        """Record the result of an evaluation, with all effects of a state change."""
        before = alarm.state_value
        alarm.update_state(reason, json.dumps(reason_data), state)
        self._tell(alarm, before)

    def _tell(self, alarm: LocalAlarm, before: str) -> None:
        if self.on_change and alarm.state_value != before:
            self.on_change(alarm, State(before))


def _key(namespace: str, name: str, dimensions: Sequence[Dimension]) -> _MetricKey:
    return namespace, name, frozenset((dimension.name, dimension.value) for dimension in dimensions)


def _get_metric_statistics(self: CloudWatchResponse) -> ActionResult:
    """Handle GetMetricStatistics; moto's leaves percentiles out."""
    asked = [*self._get_param("Statistics", []), *self._get_param("ExtendedStatistics", [])]
    if not asked:
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    datapoints = self.cloudwatch_backend.get_metric_statistics(
        self._get_param("Namespace"),
        self._get_param("MetricName"),
        self._get_param("StartTime"),
        self._get_param("EndTime"),
        self._get_int_param("Period"),
        asked,
        unit=self._get_param("Unit"),
        dimensions=self._get_param("Dimensions", []),
    )
    return ActionResult({"Label": self._get_param("MetricName"), "Datapoints": datapoints})


def install() -> None:
    """Replace moto's backend of CloudWatch."""
    cloudwatch_backends.backend = LocalCloudWatch
    moto_cloudwatch.Alarm = LocalAlarm  # type: ignore[assignment,misc]
    moto_cloudwatch.Statistics = LocalStatistics  # type: ignore[misc]
    CloudWatchResponse.get_metric_statistics = _get_metric_statistics  # type: ignore[method-assign]
