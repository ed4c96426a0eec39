"""CloudWatch statistics on top of moto's: distributions stored as such, and percentiles.

moto creates an object for every single value of a distribution, and does not support percentiles. See
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import MetricAggregatedDatum, MetricDatum, MetricDatumBase, Statistics

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")


class Distribution(MetricAggregatedDatum):
    """Values of a metric with their counts: ``Values`` and ``Counts`` of PutMetricData."""

    def __init__(self, namespace: str, metric: Mapping[str, Any]):
        self.values = [float(value) for value in metric["Values"]]
        self.counts = [float(count) for count in metric.get("Counts") or [1] * len(self.values)]
        super().__init__(
            namespace=namespace,
            name=metric["MetricName"],
            min_stat=min(self.values),
            max_stat=max(self.values),
            sample_count=sum(self.counts),
            sum_stat=sum(value * count for value, count in zip(self.values, self.counts, strict=True)),
            dimensions=metric.get("Dimensions") or [],
            timestamp=naive_utc(metric.get("Timestamp")),
            unit=metric.get("Unit"),
        )


class LocalStatistics(Statistics):
    """Data and statistics of one period."""

    def get_statistics_for_type(self, stat: str) -> Any:
        """Return a statistic by name, such as ``Sum`` or ``p99``; None if the data do not provide it."""
        share = percentile_of(stat)
        return super().get_statistics_for_type(stat) if share is None else percentile(self.metric_data, share)

    @property
    def extended_statistics(self) -> dict[str, float]:
        """The requested percentiles."""
        found = {stat: self.get_statistics_for_type(stat) for stat in self.stats if percentile_of(stat) is not None}
        return {stat: value for stat, value in found.items() if value is not None}


def statistic(name: str, data: Sequence[MetricDatumBase]) -> float | None:
    """Return a statistic of one metric's data; None if there are no data or they do not provide it."""
    if not data:
        return None
    period = LocalStatistics([name], data[0].timestamp)
    period.metric_data = list(data)
    value = period.get_statistics_for_type(name)
    return None if value is None else float(value)


def percentile_of(name: str) -> float | None:
    """Return the fraction of a percentile such as ``p99.9``, from 0 to 1; None for other statistics."""
    match = _PERCENTILE.fullmatch(name)
    return float(match[1]) / 100 if match else None


def percentile(data: Iterable[MetricDatumBase], share: float) -> float | None:
    """Return the smallest value that is not below the fraction ``share`` of all values; None without values.

    A statistics set does not contain its values and counts as copies of its average.
    """
    weights: dict[float, float] = {}
    for datum in data:
        for value, count in _values(datum):
            weights[value] = weights.get(value, 0.0) + count
    total = sum(weights.values())
    if not total:
        return None
    below = 0.0
    for value in sorted(weights):
        below += weights[value]
        if below >= share * total - 1e-9:
            break
    return value


def naive_utc(time: datetime | None) -> datetime | None:
    """Return a time in moto's form: naive UTC."""
    return time.astimezone(UTC).replace(tzinfo=None) if time and time.tzinfo else time


def _values(datum: MetricDatumBase) -> Iterable[tuple[float, float]]:
    if isinstance(datum, MetricDatum):
        return [(datum.value, 1.0)]
    if isinstance(datum, Distribution):
        return zip(datum.values, datum.counts, strict=True)
    if isinstance(datum, MetricAggregatedDatum) and datum.sample_count:
        return [(datum.sum / datum.sample_count, datum.sample_count)]
    return []
