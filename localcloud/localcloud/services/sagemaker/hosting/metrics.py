"""CloudWatch metrics of an endpoint: its invocations and the utilization of its workers.

Names, units and meanings: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html. The service
publishes them itself, without a role's permission. Each slice of a minute is one datum; latencies are published as
distributions over narrow ranges, for percentiles.

Invocations are published for the variant and for the variant under its endpoint configuration, so that an alarm can
watch only the new fleet of an update. See
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html.
"""

import contextlib
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from moto.cloudwatch.models import cloudwatch_backends

from localcloud.core.settings import minute_seconds, state_dir

logger = logging.getLogger(__name__)

INVOCATIONS_NAMESPACE = "AWS/SageMaker"
INSTANCES_NAMESPACE = "/aws/sagemaker/Endpoints"

_SLICES_OF_A_MINUTE = 6
_RANGE_WIDTH = 0.05
_MICROSECONDS = 1_000_000
_CLIENT_FAULT = 400
_SERVER_FAULT = 500


@dataclass
class _Statistics:
    """``StatisticSet`` of a datum."""

    count: int = 0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least = min(self.least, value)
        self.most = max(self.most, value)

    def as_set(self) -> dict[str, float]:
        return {"SampleCount": self.count, "Sum": self.total, "Minimum": self.least, "Maximum": self.most}


@dataclass(frozen=True)
class Source:
    """Origin of a response.

    Attributes:
        config: Name of the endpoint configuration.
    """

    variant: str
    config: str


@dataclass(frozen=True)
class Instances:
    """Current workers of a variant.

    Attributes:
        pids: Their processes, each the leader of its children.
        serverless: The workers come and go with requests.
    """

    pids: tuple[int, ...]
    serverless: bool = False


class EndpointMetrics:
    """Metrics of one endpoint, published six times a minute until it is closed.

    Args:
        account_id: Account of the endpoint.
        region_name: Region of the endpoint.
        endpoint_name: Name of the endpoint.
        instances: Returns the workers of each serving variant.
    """

    def __init__(
        self, account_id: str, region_name: str, endpoint_name: str, instances: Callable[[], Mapping[str, Instances]]
    ):
        self._backend = cloudwatch_backends[account_id][region_name]
        self._endpoint_name = endpoint_name
        self._instances = instances
        self._lock = threading.Lock()
        self._counted: dict[tuple[Source, str], _Statistics] = {}
        self._timed: dict[tuple[Source, str], dict[int, _Statistics]] = {}
        self._used: dict[int, tuple[float, float]] = {}
        self._asked: set[str] = set()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._publish_slices, name=f"metrics {endpoint_name}", daemon=True)
        self._thread.start()

    def record(
        self, source: Source, status: int, *, model: float | None, overhead: float, instances: int | None
    ) -> None:
        """Record an invocation.

        Args:
            source: Origin of the response.
            status: HTTP status of the response.
            model: Seconds taken by the container; None without a response.
            overhead: Seconds taken by everything else.
            instances: Number of instances; None for a serverless variant.
        """
        with self._lock:
            self._add(source, "Invocations", 1)
            if instances is not None:
                self._add(source, "InvocationsPerInstance", 1 / max(instances, 1))
            self._add(source, "Invocation4XXErrors", int(_CLIENT_FAULT <= status < _SERVER_FAULT))
            self._add(source, "Invocation5XXErrors", int(status >= _SERVER_FAULT))
            self._add_time(source, "OverheadLatency", overhead)
            if model is not None:
                self._add_time(source, "ModelLatency", model)

    def record_setup(self, source: Source, seconds: float) -> None:
        """Record the time that a request of a serverless variant waited for a new worker."""
        with self._lock:
            self._add_time(source, "ModelSetupTime", seconds)

    def close(self) -> None:
        """Publish the remaining data and stop."""
        self._closed.set()
        self._thread.join()

    def _add(self, source: Source, name: str, value: float) -> None:
        self._counted.setdefault((source, name), _Statistics()).add(value)

    def _add_time(self, source: Source, name: str, seconds: float) -> None:
        microseconds = max(seconds * _MICROSECONDS, 1.0)
        place = int(math.log(microseconds) / math.log1p(_RANGE_WIDTH))
        self._timed.setdefault((source, name), {}).setdefault(place, _Statistics()).add(microseconds)

    def _publish_slices(self) -> None:
        """Publish each slice when it ends; slices never span two minutes."""
        length = minute_seconds() / _SLICES_OF_A_MINUTE
        number = int(time.time() / length)
        closed = False
        while not closed:
            closed = self._closed.wait((number + 1) * length - time.time())
            try:
                self._publish(datetime.fromtimestamp(number * length, UTC), minute=number % _SLICES_OF_A_MINUTE == 0)
            except Exception:
                logger.exception("The metrics of endpoint %s could not be published", self._endpoint_name)
            number = int(time.time() / length)

    def _publish(self, begin: datetime, *, minute: bool) -> None:
        self._backend.put_metric_data(INVOCATIONS_NAMESPACE, list(self._invocations(begin)))
        if minute:
            instances = self._instances()
            self._backend.put_metric_data(INVOCATIONS_NAMESPACE, list(self._zeros_without_requests(instances, begin)))
            self._backend.put_metric_data(INSTANCES_NAMESPACE, list(self._utilization(instances, begin)))

    def _invocations(self, begin: datetime) -> Iterator[dict[str, Any]]:
        with self._lock:
            counted, self._counted = self._counted, {}
            timed, self._timed = self._timed, {}
        self._asked |= {source.variant for source, _ in counted}
        for (source, name), statistics in counted.items():
            for config in (None, source.config):
                yield self._datum(source.variant, config, name, "None", begin, StatisticValues=statistics.as_set())
        for (source, name), ranges in timed.items():
            values = [statistics.total / statistics.count for statistics in ranges.values()]
            counts = [statistics.count for statistics in ranges.values()]
            for config in (None, source.config):
                yield self._datum(source.variant, config, name, "Microseconds", begin, Values=values, Counts=counts)

    def _zeros_without_requests(self, instances: Mapping[str, Instances], begin: datetime) -> Iterator[dict[str, Any]]:
        """Yield zeros for variants without requests in the last minute; nothing would scale in without them.

        See https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-edit.html.
        """
        asked, self._asked = self._asked, set()
        for variant, found in instances.items():
            if variant not in asked and not found.serverless:
                for name in ("Invocations", "InvocationsPerInstance"):
                    yield self._datum(variant, None, name, "None", begin, Value=0.0)

    def _utilization(self, instances: Mapping[str, Instances], begin: datetime) -> Iterator[dict[str, Any]]:
        now = time.monotonic()
        memory = psutil.virtual_memory().total
        disk = psutil.disk_usage(str(state_dir())).percent
        before, self._used = self._used, {}
        for variant, found in instances.items():
            gathered = {name: _Statistics() for name in ("CPUUtilization", "MemoryUtilization", "DiskUtilization")}
            for pid in found.pids:
                seconds, resident = _usage(pid)
                self._used[pid] = (now, seconds)
                if pid in before:
                    then, used = before[pid]
                    gathered["CPUUtilization"].add(max(0.0, 100 * (seconds - used) / (now - then)))
                gathered["MemoryUtilization"].add(100 * resident / memory)
                gathered["DiskUtilization"].add(disk)
            for name, statistics in gathered.items():
                if statistics.count and (name == "MemoryUtilization" or not found.serverless):
                    yield self._datum(variant, None, name, "Percent", begin, StatisticValues=statistics.as_set())

    def _datum(
        self, variant: str, config: str | None, name: str, unit: str, begin: datetime, **value: Any
    ) -> dict[str, Any]:
        dimensions = {"EndpointName": self._endpoint_name, "VariantName": variant}
        if config:
            dimensions["EndpointConfigName"] = config
        return {
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
            "Timestamp": begin.replace(tzinfo=None),  # moto's times are naive UTC.
            "Unit": unit,
            **value,
        }


def _usage(pid: int) -> tuple[float, int]:
    """Return the CPU seconds and the resident bytes of a process and its children."""
    seconds, resident = 0.0, 0
    with contextlib.suppress(psutil.Error):
        for process in _with_children(psutil.Process(pid)):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                seconds += times.user + times.system
                resident += process.memory_info().rss
    return seconds, resident


def _with_children(process: psutil.Process) -> Iterator[psutil.Process]:
    """Yield a process and its children, and theirs."""
    yield process
    try:
        listed = [file.read_text().split() for file in Path(f"/proc/{process.pid}/task").glob("*/children")]
    except OSError:
        listed = []
    if not listed:  # Systems without these files; psutil reads every process of the machine instead.
        yield from process.children(recursive=True)
        return
    for pid in itertools.chain.from_iterable(listed):
        with contextlib.suppress(psutil.Error):
            yield from _with_children(psutil.Process(int(pid)))
