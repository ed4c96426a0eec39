"""Progress of a training job, from its log in CloudWatch Logs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from topicsmith.core.errors import is_missing

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import GetLogEventsResponseTypeDef

LOG_GROUP = "/aws/sagemaker/TrainingJobs"

_LOSS = re.compile(r"#quality_metric: host=\S+, epoch=(\d+), (train|validation) total_loss <loss>=(\S+)")
_VALIDATION_SCORE = re.compile(r"#validation_score \((\d+)\): (\S+)")
_PROGRESS = re.compile(r"#progress_metric: host=\S+, completed (\S+) % of epochs")


@dataclass(frozen=True)
class TrainingProgress:
    """Latest values that a training job logged; None for values not logged yet.

    Attributes:
        epoch: Current epoch.
        percent: Percentage of completed epochs; a job that stops early never reaches 100.
        train_loss: Loss on the training documents, in nats per word.
        validation_loss: Loss on the validation documents, in nats per word.
    """

    epoch: int | None = None
    percent: float | None = None
    train_loss: float | None = None
    validation_loss: float | None = None

    def after(self, lines: Iterable[str]) -> "TrainingProgress":
        """Return the progress updated with new log ``lines``."""
        progress = self
        for line in lines:
            if match := _LOSS.search(line):
                loss = _number(match[3])
                name = "train_loss" if match[2] == "train" else "validation_loss"
                progress = replace(progress, epoch=int(match[1]), **{name: loss})
            elif match := _VALIDATION_SCORE.search(line):
                progress = replace(progress, epoch=int(match[1]), validation_loss=_number(match[2]))
            elif match := _PROGRESS.search(line):
                progress = replace(progress, percent=_number(match[1]))
        return progress

    def __str__(self) -> str:
        parts = [
            f"epoch {self.epoch}" if self.epoch is not None else "",
            f"{self.percent:.0f} %" if self.percent is not None else "",
            f"validation total_loss {self.validation_loss:.3f}" if self.validation_loss is not None else "",
            f"train total_loss {self.train_loss:.3f}"
            if self.train_loss is not None and self.validation_loss is None
            else "",
        ]
        return " · ".join(part for part in parts if part)


class TrainingLog:
    """Incremental reader of the log of a training job."""

    def __init__(self, logs: "CloudWatchLogsClient", job: str) -> None:
        self._logs = logs
        self._job = job
        self._stream: str | None = None
        self._token: str | None = None
        self._progress = TrainingProgress()

    def read(self) -> TrainingProgress:
        """Return the current progress, which is empty until the job logs something."""
        from botocore.exceptions import ClientError

        try:
            self._progress = self._progress.after(self._new_lines())
        except ClientError as error:
            if not is_missing(error):
                raise
        return self._progress

    def _new_lines(self) -> list[str]:
        if self._stream is None:
            streams = self._logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{self._job}/")
            # One host is enough: all hosts log the same epochs.
            self._stream = next((s["logStreamName"] for s in streams["logStreams"] if "logStreamName" in s), None)
        if self._stream is None:
            return []
        lines: list[str] = []
        while True:
            page = self._page(self._stream)
            lines += [event["message"] for event in page["events"] if "message" in event]
            # At the end of a stream, CloudWatch Logs returns the same token.
            if page["nextForwardToken"] == self._token:
                return lines
            self._token = page["nextForwardToken"]

    def _page(self, stream: str) -> "GetLogEventsResponseTypeDef":
        if self._token is None:
            return self._logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True)
        return self._logs.get_log_events(
            logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True, nextToken=self._token
        )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
