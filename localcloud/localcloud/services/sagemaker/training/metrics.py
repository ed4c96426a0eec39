"""Metrics of a job, extracted from its output with the regular expressions of its request."""

import logging
import math
import re
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.role_sessions import RoleSession

logger = logging.getLogger(__name__)

OnMetric = Callable[[str, int | None, float], None]
"""Called with a metric's name, the epoch in its line of output (if any) and its value."""

NAMESPACE = "/aws/sagemaker/TrainingJobs"

# The epoch in a line of a built-in algorithm's log.
_EPOCH = re.compile(r"\bepoch=(\d+)\b")


class MetricRecorder:
    """Metrics of one job: all values go to CloudWatch, the last of each is kept.

    Args:
        definitions: ``MetricDefinitions`` of the request, each with ``Name`` and ``Regex`` of one group.
        session: Session of the job's role, which needs ``cloudwatch:PutMetricData``.
        on_metric: Called for each value.
    """

    def __init__(
        self,
        definitions: Sequence[dict[str, str]],
        session: RoleSession,
        on_metric: OnMetric = lambda name, epoch, value: None,
    ):
        self._patterns = [(definition["Name"], re.compile(definition["Regex"])) for definition in definitions]
        self._cloudwatch = session.client("cloudwatch") if definitions else None
        self._on_metric = on_metric
        self._lock = threading.Lock()
        self._final: dict[str, dict[str, Any]] = {}

    @property
    def final(self) -> list[dict[str, Any]]:
        """``FinalMetricDataList``: the last value of each metric."""
        with self._lock:
            return list(self._final.values())

    def read(self, lines: Sequence[str], host: str) -> None:
        """Extract the metrics from lines of output.

        Args:
            lines: Output of the container.
            host: The dimension ``Host``, for example ``my-job/algo-1``.
        """
        found = [
            (name, _epoch(line), value)
            for line in lines
            for name, pattern in self._patterns
            for value in _values(pattern, line)
        ]
        if not found:
            return
        now = datetime.now(UTC)
        data = [{"MetricName": name, "Value": value, "Timestamp": now} for name, _, value in found]
        with self._lock:
            self._final.update({str(metric["MetricName"]): metric for metric in data})
        for metric in found:
            self._on_metric(*metric)
        self._publish([{**metric, "Dimensions": [{"Name": "Host", "Value": host}]} for metric in data])

    def _publish(self, data: list[dict[str, Any]]) -> None:
        if self._cloudwatch is None:
            return
        try:
            for start in range(0, len(data), 1000):
                self._cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + 1000])
        except (ClientError, BotoCoreError) as error:
            logger.warning("CloudWatch refused metrics; no more are sent: %s", error)
            self._cloudwatch = None


def _epoch(line: str) -> int | None:
    match = _EPOCH.search(line)
    return int(match[1]) if match else None


def _values(pattern: re.Pattern[str], line: str) -> list[float]:
    values = []
    for match in pattern.finditer(line):
        try:
            value = float(match[1] if pattern.groups else match[0])
        except (TypeError, ValueError):
            continue
        if math.isfinite(value):
            values.append(value)
    return values
