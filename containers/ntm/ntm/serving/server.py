"""``serve``: one worker process per core, each with the model and an event loop, on one port.

This process only supervises the workers. It imports fork-safe modules once for all of them and does not load the model.
"""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess

from ntm.serving.worker import serve

_UNUSABLE_MODEL = 78  # EX_CONFIG of sysexits.h
# Without a pause, a worker that exits early would be restarted in a tight loop.
_SOON_SECONDS, _PAUSE_SECONDS = 10.0, 1.0

_log = logging.getLogger(__name__)


class Workers:
    """Pool of identical worker processes; a worker that exits is replaced."""

    def __init__(self, work: Callable[[], None], count: int, listener: socket.socket) -> None:
        """Create a pool without starting it.

        Args:
            work: Function that each worker runs until SIGTERM; a SystemExit with ``_UNUSABLE_MODEL`` ends all workers.
            count: Number of workers.
            listener: Socket that the workers listen on.
        """
        self._work = work
        self._listener = listener
        self._count = count
        self._processes: list[ForkProcess] = []
        self._started: dict[ForkProcess, float] = {}
        self._stopping = False
        self._failed = False

    def run(self) -> bool:
        """Start the workers, and return when all have exited after SIGTERM, SIGINT or because of an unusable model.

        Returns:
            False if the model is unusable.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        for _ in range(self._count):
            self._start()
        while self._processes:
            wait([process.sentinel for process in self._processes])
            for process in [process for process in self._processes if process.exitcode is not None]:
                self._processes.remove(process)
                self._follow(process)
        return not self._failed

    def _follow(self, ended: ForkProcess) -> None:
        if ended.exitcode == _UNUSABLE_MODEL:
            self._failed = True
            self._stop()
        if self._stopping:
            return
        _log.error("Process %s ended with code %s; starting another one.", ended.pid, ended.exitcode)
        if time.monotonic() < self._started.pop(ended) + _SOON_SECONDS:
            time.sleep(_PAUSE_SECONDS)
        self._start()

    def _start(self) -> None:
        if self._stopping:
            return
        process = multiprocessing.get_context("fork").Process(target=self._in_child)
        # A signal between the fork and the child's own handlers would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
        process.start()
        self._processes.append(process)
        self._started[process] = time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))

    def _in_child(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # sent by a terminal to the whole group; the parent handles it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
        self._work()

    def _stop(self) -> None:
        self._stopping = True
        # Clients could connect, and wait in vain, while any process has it open.
        self._listener.close()
        for process in self._processes:
            process.terminate()


def main() -> int:
    """Serve until SIGTERM, finish the requests in progress, and return the container's exit code."""
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s [%(process)d] %(message)s"
    )
    try:
        port = _number("SAGEMAKER_BIND_TO_PORT", 8080, most=65535)
        # Set by SageMaker for batch transform; 0 means no limit.
        max_body_bytes = _number("SAGEMAKER_MAX_PAYLOAD_IN_MB", 6) * 1024 * 1024 or sys.maxsize
        # The name used by SageMaker's own containers.
        count = _number("SAGEMAKER_MODEL_SERVER_WORKERS", 0) or _cores()
        listener = _bound(port)
    except (OSError, ValueError) as error:
        _log.error("%s", error)
        return 1

    def work() -> None:
        if not serve(listener, max_body_bytes):
            raise SystemExit(_UNUSABLE_MODEL)

    _log.info("Port %d, %d processes.", port, count)
    return 0 if Workers(work, count, listener).run() else 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _number(name: str, default: int, most: int = 2**31) -> int:
    text = os.environ.get(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text) <= most):
        raise ValueError(f"The variable {name} is {text!r}; allowed: 0 to {most}.")
    return int(text)


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("0.0.0.0", port))
    except OSError as error:
        raise OSError(f"Port {port} cannot be used: {error.strerror}.") from None
    listener.set_inheritable(True)
    return listener
