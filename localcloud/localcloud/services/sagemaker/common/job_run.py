"""Base of running jobs: one process per host, until all are done, one fails or the job is stopped.

Shared by training, processing, transform and tuning jobs, which differ in what their processes do.
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

from localcloud.authorization.enforcement import NotAuthorized
from localcloud.core.errors import LocalCloudError
from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.containers import Container
from localcloud.runtime.images import ImageUnavailable
from localcloud.runtime.logs import LogStream
from localcloud.runtime.s3_data import DataError

logger = logging.getLogger(__name__)

INTERNAL_ERROR = "InternalServerError"
"""Prefix of failure reasons that are neither the caller's nor the container's fault."""

# SageMaker sends SIGTERM and gives a container this long before SIGKILL.
_STOP_GRACE_SECONDS = 120


class JobFailed(LocalCloudError):
    """The job failed; the message is its failure reason."""


class JobRecord(Protocol):
    """Record of a job, behind its Describe operation."""

    @property
    def ended(self) -> bool:
        """True if the job is over."""

    def begin_stopping(self) -> None:
        """Set the status ``Stopping``."""


class JobRun:
    """A running job that can be stopped.

    Setting the record's final status requires ``_lock``: a job that is ``Stopping`` must end as stopped.

    Args:
        record: The job's record.
        wake: Wakes the thread that runs the job, after a stop request.
    """

    def __init__(self, record: JobRecord, wake: Callable[[], None]):
        self._record = record
        self._wake = wake
        self._lock = threading.Lock()
        self._stop_requested = False

    def request_stop(self) -> None:
        """Ask the job to stop; does nothing if it is over or already stopping."""
        with self._lock:
            if self._record.ended or self._stop_requested:
                return
            self._stop_requested = True
            self._record.begin_stopping()
        self._wake()


@dataclass
class Host:
    """One host of a job.

    Attributes:
        name: SageMaker's name for it, ``algo-1`` and so on.
        base: Directory in place of ``/opt/ml``.
        log: Its stream in CloudWatch Logs.
        container: The process, once started.
    """

    name: str
    base: Path
    log: LogStream
    container: Container | None = None


class Hosts:
    """The hosts of a job.

    Args:
        session: Session of the job's role.
        log_group: Log group of the job.
        job_name: Name of the job.
        directory: Parent of the hosts' directories.
        count: Number of hosts.
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
        """True if a container is running and none has failed."""
        return bool(self._running()) and self.failed is None

    @property
    def failed(self) -> Host | None:
        """The first host whose container exited with an error."""
        return next((host for host in self._hosts if host.container and host.container.exit_code), None)

    def note(self, line: str) -> None:
        """Write a message of the local cloud to the logs of all hosts."""
        for host in self._hosts:
            host.log.write([f"Local cloud: {line}"])

    def wake(self) -> None:
        """End a wait: something has changed."""
        self._changed.set()

    def wait(self, deadline: float, pause: float = threading.TIMEOUT_MAX) -> bool:
        """Wait until something changes.

        Args:
            deadline: Latest time, by the monotonic clock.
            pause: Maximum wait, seconds.

        Returns:
            False if the deadline has already passed.
        """
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        self._changed.wait(min(left, pause))
        self._changed.clear()
        return True

    def stop(self, *, immediately: bool = False) -> None:
        """End the running containers: SIGTERM, then SIGKILL.

        Args:
            immediately: Skip the grace period, because the containers' results are useless.
        """
        grace = 0 if immediately or self.failed else _STOP_GRACE_SECONDS
        at_once(functools.partial(container.stop, grace) for container in self._running())

    def _running(self) -> list[Container]:
        return [host.container for host in self._hosts if host.container and host.container.exit_code is None]


def at_once(actions: Iterable[Callable[[], None]]) -> None:
    """Run actions in parallel and wait for all of them."""
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def failure_reason(error: Exception, job_name: str) -> str:
    """Return the failure reason of a job's error; unexpected errors are internal and logged."""
    match error:
        case JobFailed():
            return str(error)
        case DataError() | ImageUnavailable():
            return f"ClientError: {error}"
        case NotAuthorized():
            return f"ClientError: {error.message}"
        case OSError(errno=errno.ENOSPC):
            return "ClientError: No space left on device."
    logger.error("Job %s failed unexpectedly", job_name, exc_info=error)
    return f"{INTERNAL_ERROR}: {type(error).__name__}: {error}"
