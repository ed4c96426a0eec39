"""CloudWatch Logs, written with the permissions of the job's role.

As on AWS, a job whose role may not write logs still runs, but its log is missing. See
https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.role_sessions import RoleSession

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 65_536
_GATHER_SECONDS = 0.2
# The limits of PutLogEvents.
_LARGEST_BATCH = 10_000
_LARGEST_BATCH_BYTES = 1_048_576
_EVENT_OVERHEAD_BYTES = 26
_LONGEST_LINE_BYTES = 262_144 - _EVENT_OVERHEAD_BYTES


class LogStream:
    """A log stream; the first line creates it and its group."""

    def __init__(self, session: RoleSession, group: str, name: str):
        self.group = group
        self.name = name
        self._session = session
        self._lock = threading.Lock()
        self._client: Any = None
        self._closed = False

    def write(self, lines: Sequence[str]) -> None:
        """Append one event per line; blank lines are skipped because CloudWatch Logs rejects empty messages."""
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines if line.strip()]
        with self._lock:
            if self._closed or not events:
                return
            try:
                self._client = self._client or self._open()
                for batch in _batches_of(events):
                    self._client.put_log_events(logGroupName=self.group, logStreamName=self.name, logEvents=batch)
            except (ClientError, BotoCoreError) as error:
                logger.warning("Cannot write to log stream %s of %s: %s", self.name, self.group, error)
                self._closed = True

    def _open(self) -> Any:
        client = self._session.client("logs")
        names = {"logGroupName": self.group}
        _unless_present(client.create_log_group, names, also_if="AccessDeniedException")
        _unless_present(client.create_log_stream, {**names, "logStreamName": self.name})
        return client


def _batches_of(events: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Split events into batches within PutLogEvents' limits on events and bytes."""
    batch: list[dict[str, Any]] = []
    size = 0
    for event in events:
        event_size = len(event["message"].encode()) + _EVENT_OVERHEAD_BYTES
        if batch and (len(batch) == _LARGEST_BATCH or size + event_size > _LARGEST_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += event_size
    yield batch


def _unless_present(create: Callable[..., object], names: dict[str, str], also_if: str = "") -> None:
    """Create a group or a stream unless it exists (a role may write to a group without being allowed to create it)."""
    try:
        create(**names)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ResourceAlreadyExistsException", also_if):
            raise


def pump_lines(output: BinaryIO, consume: Callable[[list[str]], None]) -> None:
    """Pass the lines of a pipe to ``consume`` in batches as they arrive, until the pipe closes."""
    batches = _Batches(consume)
    pending = b""
    while chunk := output.read1(_CHUNK_BYTES):  # type: ignore[attr-defined]
        *lines, pending = (pending + chunk).split(b"\n")
        if len(pending) > _LONGEST_LINE_BYTES:
            lines, pending = [*lines, pending], b""
        batches.add(line.decode("utf-8", "replace").rstrip("\r") for line in lines)
    batches.add([pending.decode("utf-8", "replace")] if pending else [])
    batches.close()
    output.close()


class _Batches:
    """Bounded buffer of lines for a slow consumer; ``add`` blocks while it is full."""

    def __init__(self, consume: Callable[[list[str]], None]):
        self._consume = consume
        self._condition = threading.Condition()
        self._lines: list[str] = []
        self._closed = False
        self._thread = threading.Thread(target=self._deliver, daemon=True)
        self._thread.start()

    def add(self, lines: Iterable[str]) -> None:
        with self._condition:
            self._condition.wait_for(lambda: len(self._lines) < _LARGEST_BATCH)
            self._lines.extend(lines)
            self._condition.notify_all()

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._thread.join()

    def _deliver(self) -> None:
        while lines := self._take():
            try:
                self._consume(lines)
            except Exception:
                logger.exception("Lost %d lines of output", len(lines))

    def _take(self) -> list[str]:
        """Return the lines gathered so far, or an empty list once the buffer is closed and drained."""
        with self._condition:
            self._condition.wait_for(lambda: self._lines or self._closed)
            self._condition.wait_for(lambda: self._closed, _GATHER_SECONDS)
            lines, self._lines = self._lines, []
            self._condition.notify_all()
            return lines
