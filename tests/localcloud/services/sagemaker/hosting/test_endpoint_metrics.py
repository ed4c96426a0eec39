import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from localcloud.services.sagemaker.hosting import metrics as endpoint_metrics
from localcloud.services.sagemaker.hosting.metrics import EndpointMetrics, Instances, Source
from tests.localcloud.support import ACCOUNT, REGION, wait_for

INSTANCES = "/aws/sagemaker/Endpoints"
SOURCE = Source("AllTraffic", "config")


@dataclass
class _CloudWatch:
    """Records published metrics."""

    published: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def put_metric_data(self, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        self.published += [(namespace, datum) for datum in metric_data]

    def data(self, name: str, namespace: str = "AWS/SageMaker", config: str | None = None) -> list[dict[str, Any]]:
        """Return a metric's data for the variant, optionally for one endpoint configuration."""
        return [
            datum
            for found, datum in self.published
            if (found, datum["MetricName"]) == (namespace, name)
            and _dimensions(datum).get("EndpointConfigName") == config
        ]

    def total(self, name: str, **which: Any) -> float:
        return sum(value * count for datum in self.data(name, **which) for value, count in _values(datum))

    def count(self, name: str, **which: Any) -> float:
        return sum(count for datum in self.data(name, **which) for _, count in _values(datum))


def _dimensions(datum: Mapping[str, Any]) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in datum["Dimensions"]}


def _values(datum: Mapping[str, Any]) -> list[tuple[float, float]]:
    if "Values" in datum:
        return list(zip(datum["Values"], datum["Counts"], strict=True))
    if "StatisticValues" in datum:
        statistics = datum["StatisticValues"]
        return [(statistics["Sum"] / statistics["SampleCount"], statistics["SampleCount"])]
    return [(datum["Value"], 1.0)]


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> _CloudWatch:
    monkeypatch.setenv("LOCALCLOUD_MINUTE_SECONDS", "0.3")
    monkeypatch.setenv("LOCALCLOUD_STATE", str(tmp_path))
    cloudwatch = _CloudWatch()
    monkeypatch.setattr(endpoint_metrics, "cloudwatch_backends", {ACCOUNT: {REGION: cloudwatch}})
    return cloudwatch


def _metrics(instances: Callable[[], Mapping[str, Instances]] = dict) -> closing[EndpointMetrics]:
    return closing(EndpointMetrics(ACCOUNT, REGION, "endpoint", instances))


def test_invocations_are_published_with_errors_and_latencies(cloudwatch: _CloudWatch) -> None:
    with _metrics() as metrics:
        for status in (200, 200, 404, 503):
            metrics.record(SOURCE, status, model=0.002, overhead=0.001, instances=2)
        metrics.record(SOURCE, 500, model=None, overhead=0.003, instances=2)
    assert cloudwatch.total("Invocations") == 5
    assert cloudwatch.total("InvocationsPerInstance") == 2.5
    assert (cloudwatch.total("Invocation4XXErrors"), cloudwatch.count("Invocation4XXErrors")) == (1, 5)
    assert (cloudwatch.total("Invocation5XXErrors"), cloudwatch.count("Invocation5XXErrors")) == (2, 5)
    assert cloudwatch.total("ModelLatency") == pytest.approx(8000)
    assert (cloudwatch.count("ModelLatency"), cloudwatch.count("OverheadLatency")) == (4, 5)
    assert {datum["Unit"] for datum in cloudwatch.data("ModelLatency")} == {"Microseconds"}
    assert _dimensions(cloudwatch.data("Invocations")[0]) == {"EndpointName": "endpoint", "VariantName": "AllTraffic"}


def test_invocations_are_separate_by_endpoint_configuration(cloudwatch: _CloudWatch) -> None:
    with _metrics() as metrics:
        for config, status in (("old", 200), ("old", 200), ("new", 500)):
            metrics.record(Source("AllTraffic", config), status, model=0.002, overhead=0.001, instances=1)
    assert cloudwatch.total("Invocations") == 3
    assert (cloudwatch.total("Invocations", config="old"), cloudwatch.total("Invocations", config="new")) == (2, 1)
    assert cloudwatch.total("Invocation5XXErrors", config="new") == 1
    assert cloudwatch.count("ModelLatency", config="old") == 2


def test_published_metrics_are_valid_cloudwatch_requests(cloudwatch: _CloudWatch) -> None:
    with _metrics(lambda: {"AllTraffic": Instances((os.getpid(),))}) as metrics:
        metrics.record(SOURCE, 200, model=0.002, overhead=0.001, instances=1)
        metrics.record_setup(SOURCE, 0.5)
        wait_for(lambda: cloudwatch.data("MemoryUtilization", INSTANCES))
    shape = get_session().get_service_model("cloudwatch").operation_model("PutMetricData").input_shape
    for namespace, datum in cloudwatch.published:
        request = {"Namespace": namespace, "MetricData": [datum]}
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()


def test_percentiles_of_many_latencies_are_available(cloudwatch: _CloudWatch) -> None:
    with _metrics() as metrics:
        for milliseconds in range(1, 1001):
            metrics.record(SOURCE, 200, model=milliseconds / 1000, overhead=0, instances=1)
    assert all(len(datum["Values"]) < 150 for datum in cloudwatch.data("ModelLatency"))
    values = sorted(value for datum in cloudwatch.data("ModelLatency") for value in _values(datum))
    passed = 0.0
    for value, count in values:
        passed += count
        if passed >= 990:
            assert value == pytest.approx(990_000, rel=0.05)
            break
    assert math.isclose(cloudwatch.total("ModelLatency"), 500_500_000)


def test_variant_without_requests_has_zeros(cloudwatch: _CloudWatch) -> None:
    with _metrics(lambda: {"AllTraffic": Instances((os.getpid(),))}):
        wait_for(lambda: cloudwatch.data("InvocationsPerInstance"))
    assert cloudwatch.total("Invocations") == 0
    assert not cloudwatch.data("Invocation5XXErrors")


def test_utilization_is_published_every_minute(cloudwatch: _CloudWatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            with _metrics(lambda: {"AllTraffic": Instances((busy.pid,))}):
                wait_for(lambda: cloudwatch.total("CPUUtilization", namespace=INSTANCES) > 0)
        finally:
            busy.kill()
    for name in ("MemoryUtilization", "DiskUtilization"):
        values = [value for datum in cloudwatch.data(name, INSTANCES) for value, _ in _values(datum)]
        assert values
        assert all(0 < value <= 100 for value in values)


def test_serverless_variant_has_no_instances(cloudwatch: _CloudWatch) -> None:
    with _metrics(lambda: {"AllTraffic": Instances((), serverless=True)}) as metrics:
        metrics.record(SOURCE, 200, model=0.001, overhead=0.5, instances=None)
        metrics.record_setup(SOURCE, 0.5)
    assert cloudwatch.total("Invocations") == 1
    assert not cloudwatch.data("InvocationsPerInstance")
    assert cloudwatch.total("ModelSetupTime") == pytest.approx(500_000)
