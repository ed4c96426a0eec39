from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto.cloudwatch.models import MetricDatumBase
from moto.core.utils import utcnow

from localcloud.services.cloudwatch.models import LocalCloudWatch
from localcloud.services.cloudwatch.statistics import percentile, statistic
from tests.localcloud.support import SmallCloud

values_and_counts = st.lists(st.tuples(st.floats(0, 1e6), st.integers(1, 20)), min_size=1, max_size=20)


def _kept(*metrics: dict[str, Any]) -> list[MetricDatumBase]:
    backend = LocalCloudWatch("us-east-1", "1")
    backend.put_metric_data("space", [{"MetricName": "m", **metric} for metric in metrics])
    return backend.metric_data


@given(values_and_counts)
def test_distribution_equals_its_values(pairs: list[tuple[float, int]]) -> None:
    distribution = _kept({"Values": [value for value, _ in pairs], "Counts": [float(count) for _, count in pairs]})
    singles = _kept(*({"Value": value} for value, count in pairs for _ in range(count)))
    assert len(distribution) == 1
    for name in ("Sum", "Average", "SampleCount", "Minimum", "Maximum", "p50", "p99", "p99.9", "p100"):
        assert statistic(name, distribution) == pytest.approx(statistic(name, singles))


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.01, 1))
def test_percentile_has_its_share_of_values_at_or_below(values: list[float], share: float) -> None:
    found = percentile(_kept(*({"Value": value} for value in values)), share)
    assert found in values
    assert found is not None
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_statistics_set_counts_as_repetitions_of_its_average() -> None:
    low = {"StatisticValues": {"Sum": 98.0, "SampleCount": 98.0, "Minimum": 1.0, "Maximum": 1.0}}
    high = {"StatisticValues": {"Sum": 20.0, "SampleCount": 2.0, "Minimum": 9.0, "Maximum": 11.0}}
    data = _kept(low, high)
    assert (statistic("p98", data), statistic("p99", data), statistic("Maximum", data)) == (1.0, 10.0, 11.0)
    assert statistic("p99", []) is None


def test_times_are_kept_in_utc() -> None:
    (datum,) = _kept({"Value": 1.0, "Timestamp": datetime(2024, 1, 1, 12, tzinfo=UTC)})
    assert datum.timestamp == datetime(2024, 1, 1, 12)


def test_metrics_are_separate_by_dimensions() -> None:
    backend = LocalCloudWatch("us-east-1", "1")
    endpoint, variant = {"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "v"}
    begin = datetime(2024, 1, 1, 12)
    for dimensions in ([endpoint, variant], [variant, endpoint], [endpoint], []):
        for second in (0, 59, 60):
            time = begin + timedelta(seconds=second)
            datum = {"MetricName": "m", "Value": 1.0, "Dimensions": dimensions, "Timestamp": time}
            backend.put_metric_data("space", [datum])

    def sums(*dimensions: dict[str, str]) -> list[tuple[datetime, Any]]:
        end = begin + timedelta(minutes=5)
        found = backend.get_metric_statistics("space", "m", begin, end, 60, ["Sum"], list(dimensions))
        return [(point.timestamp, point.sum) for point in found]

    later = begin + timedelta(minutes=1)
    assert sums(variant, endpoint) == [(begin, 4.0), (later, 2.0)]
    assert sums(endpoint) == sums() == [(begin, 2.0), (later, 1.0)]
    assert sums(variant) == []


def test_percentiles_and_expressions_are_answered(cloud: SmallCloud) -> None:
    client = cloud.client("cloudwatch")
    time = utcnow().replace(second=0, microsecond=0, tzinfo=UTC) - timedelta(minutes=1)
    names = ("calls", "errors")
    dimensions = [{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "v"}]
    for name, counts in zip(names, ([98.0, 2.0], [2.0, 1.0]), strict=True):
        client.put_metric_data(
            Namespace="answers",
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": dimensions,
                    "Values": [1.0, 10.0],
                    "Counts": counts,
                    "Timestamp": time,
                }
            ],
        )
    span = {"StartTime": time, "EndTime": time + timedelta(minutes=1)}
    (point,) = client.get_metric_statistics(
        Namespace="answers",
        MetricName="calls",
        Dimensions=dimensions,
        Period=60,
        ExtendedStatistics=["p50", "p99"],
        **span,
    )["Datapoints"]
    assert point["ExtendedStatistics"] == {"p50": 1.0, "p99": 10.0}
    queries: list[dict[str, Any]] = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {"Namespace": "answers", "MetricName": name, "Dimensions": dimensions[::-1]},
                "Period": 60,
                "Stat": "SampleCount",
            },
            "ReturnData": False,
        }
        for name in names
    ]
    rate = {"Id": "rate", "Expression": "100 * errors / calls"}
    (result,) = client.get_metric_data(MetricDataQueries=[*queries, rate], **span)["MetricDataResults"]
    assert (result["Id"], result["Values"], result["Timestamps"]) == ("rate", [3.0], [time])
    with pytest.raises(ClientError, match="names attempts; known ids: calls, errors"):
        client.get_metric_data(MetricDataQueries=[*queries, {**rate, "Expression": "errors / attempts"}], **span)
