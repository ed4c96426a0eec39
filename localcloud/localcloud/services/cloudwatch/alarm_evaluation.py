"""Evaluation of an alarm on the data of its metrics.

See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.cloudwatch.models import Metric, MetricDataQuery

from localcloud.core.settings import minute_seconds, real_seconds
from localcloud.services.cloudwatch.alarm import LocalAlarm
from localcloud.services.cloudwatch.alarm_state import MissingData, Rule, State
from localcloud.services.cloudwatch.metric_math import MetricMathError, Values, evaluate
from localcloud.services.cloudwatch.models import LocalCloudWatch
from localcloud.services.cloudwatch.statistics import naive_utc, percentile_of, statistic

_BREACHES: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}

Window = tuple[datetime, datetime]
"""Start and end of a period, in naive UTC like moto's times."""


@dataclass(frozen=True)
class Evaluation:
    """Result of an alarm's evaluation.

    Attributes:
        values: Values of the evaluated periods, oldest first; None for missing ones.
        ends: Ends of these periods.
    """

    state: State
    reason: str
    values: Values
    ends: Sequence[datetime]

    @property
    def present(self) -> list[float]:
        """The values that are not missing, oldest first."""
        return [value for value in self.values if value is not None]

    def data(self, alarm: LocalAlarm, now: datetime) -> dict[str, Any]:
        """Return the reason as ``StateReasonData``."""
        stat = alarm.statistic or alarm.extended_statistic
        kind = "statistic" if percentile_of(stat or "") is None else "extendedStatistic"
        return {
            "version": "1.0",
            "queryDate": f"{now:%Y-%m-%dT%H:%M:%S.000+0000}",
            "startDate": f"{self.ends[0]:%Y-%m-%dT%H:%M:%S.000+0000}",
            **({kind: stat} if stat else {}),
            "period": _period(alarm),
            "recentDatapoints": self.present,
            "threshold": float(alarm.threshold),
        }


def evaluate_alarm(alarm: LocalAlarm, backend: LocalCloudWatch, now: datetime) -> Evaluation:
    """Evaluate an alarm on the latest complete minutes.

    Raises:
        MetricMathError: The expression is not supported by the local cloud.
    """
    treatment = MissingData(alarm.treat_missing_data or MissingData.MISSING)
    periods = int(alarm.evaluation_periods)
    rule = Rule(periods, int(alarm.datapoints_to_alarm or periods), treatment)
    windows = _windows(now, real_seconds(_period(alarm)), rule.evaluation_range)
    values = _values(alarm, backend, windows)
    breaches, words = _BREACHES[alarm.comparison_operator]
    points = [None if value is None else breaches(value, float(alarm.threshold)) for value in values]
    before = State(alarm.state_value)
    state = rule.state(points, before)
    ends = [end for _, end in windows]
    return Evaluation(state, _reason(alarm, rule, state, values, ends, words), values, ends)


def _windows(now: datetime, seconds: float, count: int) -> list[Window]:
    """Return the last ``count`` periods of this length, up to the end of the last complete minute."""
    minute = minute_seconds()
    last = _naive(datetime.fromtimestamp(now.timestamp() // minute * minute, UTC))
    period = timedelta(seconds=seconds)
    return [(last - (back + 1) * period, last - back * period) for back in reversed(range(count))]


def _values(alarm: LocalAlarm, backend: LocalCloudWatch, windows: Sequence[Window]) -> Values:
    if not alarm.metric_data_queries:
        metric = Metric(alarm.metric_name, alarm.namespace, alarm.dimensions)
        return _statistics(backend, metric, alarm.statistic or str(alarm.extended_statistic), alarm.unit, windows)
    known: dict[str, Values] = {}
    returned: Values = []
    for query in _metrics_first(alarm.metric_data_queries):
        if stat := query.metric_stat:
            known[query.id] = _statistics(backend, stat.metric, stat.stat, stat.unit, windows)
        else:
            known[query.id] = evaluate(str(query.expression), known, len(windows))
        if query.return_data is None or query.return_data:
            returned = known[query.id]
    return returned


def _statistics(
    backend: LocalCloudWatch, metric: Metric, stat: str, unit: str | None, windows: Sequence[Window]
) -> Values:
    """Return a statistic of a metric for each time window."""
    data = [datum for datum in backend.data_since(metric, windows[0][0]) if unit is None or datum.unit == unit]
    return [statistic(stat, [datum for datum in data if begin <= datum.timestamp < end]) for begin, end in windows]


def _metrics_first(queries: Sequence[MetricDataQuery]) -> list[MetricDataQuery]:
    """Return the queries in an order in which expressions follow their inputs."""
    ordered = [query for query in queries if query.metric_stat]
    waiting = [query for query in queries if not query.metric_stat]
    while waiting:
        ids = {query.id for query in waiting}
        ready = [query for query in waiting if not any(name in str(query.expression) for name in ids - {query.id})]
        if not ready:
            raise MetricMathError(f"The expressions {', '.join(sorted(ids))} refer to each other.")
        ordered += ready
        waiting = [query for query in waiting if query not in ready]
    return ordered


def _period(alarm: LocalAlarm) -> float:
    """Return the alarm's period in AWS seconds; the queries of an expression share one period."""
    periods = [query.metric_stat.period for query in alarm.metric_data_queries if query.metric_stat]
    return float(alarm.period or next(filter(None, periods), 60))


def _reason(alarm: LocalAlarm, rule: Rule, state: State, values: Values, ends: Sequence[datetime], words: str) -> str:
    present = [(value, end) for value, end in zip(values, ends, strict=True) if value is not None][-rule.periods :]
    missing = rule.periods - len(present)
    if state is State.INSUFFICIENT_DATA:
        return f"Insufficient Data: {missing} datapoint{'s were' if missing > 1 else ' was'} unknown."
    if not present:
        return (
            f"Threshold Crossed: no datapoints were received for {rule.periods} period{'s' * (rule.periods > 1)} and "
            f"{missing} missing datapoint{'s were' if missing > 1 else ' was'} treated as [{_treated(rule)}]."
        )
    listed = ", ".join(f"{value} ({end:%d/%m/%y %H:%M:%S})" for value, end in reversed(present))
    breaches, _ = _BREACHES[alarm.comparison_operator]
    count = sum(breaches(value, float(alarm.threshold)) for value, _ in present)
    crossed = f"{count} out of the last {len(present)} datapoints [{listed}]"
    verb = "was" if count == 1 else "were"
    return f"Threshold Crossed: {crossed} {verb} {words} the threshold ({float(alarm.threshold)})."


def _treated(rule: Rule) -> str:
    return {MissingData.BREACHING: "Breaching", MissingData.NOT_BREACHING: "NonBreaching"}.get(rule.missing, "Missing")


def _naive(moment: datetime) -> datetime:
    naive = naive_utc(moment)
    assert naive is not None
    return naive
