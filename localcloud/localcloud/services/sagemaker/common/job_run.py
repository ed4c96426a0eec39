"""A job at work: a process for each of its machines, until all are done, one fails, or somebody stops them.

This is what training, processing, transform and tuning jobs have in common; what the processes do is theirs.
"""

import errno
import functools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from localcloud.core.errors import LocalCloudError
from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.containers import Container
from localcloud.runtime.images import ImageUnavailable
from localcloud.runtime.logs import LogStream
from localcloud.runtime.s3_data import DataError

logger = logging.getLogger(__name__)

INTERNAL_ERROR = "InternalServerError"
"""What the reason of a failure begins with that is neither the caller's nor the container's, but the cloud's."""

# SageMaker sends SIGTERM and gives a container this long before SIGKILL.
_STOP_GRACE_SECONDS = 120


class JobFailed(LocalCloudError):
    """The job failed; the message is its failure reason."""


class JobRecord(Protocol):
    """What Describe tells of a job."""

    @property
    def ended(self) -> bool:
        """Whether the job is over."""

    def begin_stopping(self) -> None:
        """Go to the status ``Stopping``."""


class JobRun:
    """The run of a job, which can be asked to stop.

    Whoever sets the record's last status holds ``_lock``: a job that says ``Stopping`` ends as stopped.

    Args:
        record: the job's.
        wake: tells the thread that does the work of the request.
    """

    def __init__(self, record: JobRecord, wake: Callable[[], None]):
        self._record = record
        self._wake = wake
        self._lock = threading.Lock()
        self._stop_requested = False

    def request_stop(self) -> None:
        """Ask the job to stop; nothing happens when it is over or was asked before."""
        with self._lock:
            if self._record.ended or self._stop_requested:
                return
            self._stop_requested = True
            self._record.begin_stopping()
        self._wake()


@dataclass
class Host:
    """One of a job's machines.

    Attributes:
        name: as SageMaker names it, ``algo-1`` ...
        base: what stands for ``/opt/ml``.
        log: its stream in CloudWatch Logs.
        container: the process, once it is started.
    """

    name: str
    base: Path
    log: LogStream
    container: Container | None = None


class Hosts:
    """The machines of a job.

    Args:
        session: the job's role.
        log_group: where they log.
        job_name: the job.
        directory: has a directory for each of them.
        count: how many there are.
    """

    def __init__(self, session: RoleSession, *, log_group: str, job_name: str, directory: Path, count: int):
        stamp = time.time_ns() // 1_000_000
        self.names = [f"algo-{number}" for number in range(1, count + 1)]
        self._hosts = [
            Host(name, directory / name, LogStream(session, log_group, f"{job_name}/{name}-{stamp}"))
            for name in self.names
        ]
        self._changed = threading.Event()

    def __iter__(self) -> Iterator[Host]:
        return iter(self._hosts)

    @property
    def at_work(self) -> bool:
        """Whether a container runs and none has failed."""
        return bool(self._running()) and self.failed is None

    @property
    def failed(self) -> Host | None:
        """The first machine whose container exited with an error."""
        return next((host for host in self._hosts if host.container and host.container.exit_code), None)

    def note(self, line: str) -> None:
        """Write what the local cloud has to say to the logs of all."""
        for host in self._hosts:
            host.log.write([f"Local cloud: {line}"])

    def wake(self) -> None:
        """End the wait: there is something new."""
        self._changed.set()

    def wait(self, deadline: float, pause: float = threading.TIMEOUT_MAX) -> bool:
        """Wait until there is something new.

        Args:
            deadline: on the monotonic clock, until when at most.
            pause: for how many seconds at most.

        Returns:
            Whether the deadline was still ahead.
        """
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        self._changed.wait(min(left, pause))
        self._changed.clear()
        return True

    def stop(self, *, in_vain: bool = False) -> None:
        """End the containers that run: SIGTERM, then SIGKILL.

        Args:
            in_vain: whether what they could still save is of no use, as it is where one of them has failed.
        """
        grace = 0 if in_vain or self.failed else _STOP_GRACE_SECONDS
        at_once(functools.partial(container.stop, grace) for container in self._running())

    def _running(self) -> list[Container]:
        return [host.container for host in self._hosts if host.container and host.container.exit_code is None]


def at_once(actions: Iterable[Callable[[], None]]) -> None:
    """Do things next to each other, and return when all are done."""
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def failure_reason(error: Exception, job_name: str) -> str:
    """Return the reason of a job that ended with an error; one that has no other is internal, and goes to the log."""
    match error:
        case JobFailed():
            return str(error)
        case DataError() | ImageUnavailable():
            return f"ClientError: {error}"
        case OSError(errno=errno.ENOSPC):
            return "ClientError: No space left on device."
    logger.error("Job %s broke", job_name, exc_info=error)
    return f"{INTERNAL_ERROR}: {type(error).__name__}: {error}"
