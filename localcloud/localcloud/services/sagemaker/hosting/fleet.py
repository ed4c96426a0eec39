"""Instances of a production variant: keeps the desired number of workers running."""

import itertools
import logging
import threading
import time

from localcloud.services.sagemaker.hosting.worker import ServingContainer, Worker
from localcloud.services.sagemaker.hosting.worker_pool import STARTUP_SECONDS, NoWorkerError, WorkerPool

logger = logging.getLogger(__name__)

_PING_INTERVAL_SECONDS = 0.1
# After a worker that ended before it was ready, the next start is delayed; the delay doubles each time.
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
_FAILING_AFTER = 3


class Fleet(WorkerPool):
    """Workers of a variant on instances; dead ones are replaced.

    Args:
        serving: Container of the workers.
        count: Desired number of workers.
    """

    def __init__(self, serving: ServingContainer, count: int):
        super().__init__(serving)
        self._desired = count
        self._wake = threading.Event()
        self._turn = itertools.count()
        self._serves = False
        self._failure: str | None = None
        self._stillborn = 0
        self._next_start = 0.0
        self._thread = threading.Thread(
            target=self._supervise, name=f"{serving.endpoint_name} {serving.variant_name}", daemon=True
        )

    @property
    def desired(self) -> int:
        """Desired number of workers."""
        return self._desired

    @property
    def failing(self) -> str | None:
        """Reason if workers have stopped coming up, otherwise None."""
        return self._failure if self._stillborn >= _FAILING_AFTER else None

    def start(self, seconds: float = STARTUP_SECONDS) -> None:
        """Start the workers and wait until all of them answer ``/ping``.

        Raises:
            PoolFailed: A worker ended, or did not answer within ``seconds``; all are ended.
        """
        self._thread.start()
        with self._condition:
            self._condition.wait_for(lambda: self._failure or self.current >= self._desired, seconds)
            self._serves = self._failure is None and self.current >= self._desired
            silent = [worker for worker in self._workers if not worker.ready]
            reason = self._failure or (silent[0].exit_report if silent else "")
        if not self._serves:
            self.retire()
            raise self._ping_failure(reason)

    def resize(self, count: int) -> None:
        """Set the desired number of workers, without waiting."""
        self._desired = count
        self._wake.set()

    def _take(self, deadline: float) -> Worker:
        """Return the ready worker with the fewest requests, round robin among equals."""
        with self._condition:
            self._condition.wait_for(lambda: self._retired or self._ready(), max(0.0, deadline - time.monotonic()))
            found = self._ready()
            if not found or self._retired:
                raise NoWorkerError(f"No worker of variant {self.variant_name} is ready.")
            first = next(self._turn) % len(found)
            worker = min(found[first:] + found[:first], key=lambda candidate: candidate.in_flight)
            worker.in_flight += 1
            return worker

    def _ready(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.ready and worker.alive]

    def _suspect(self, worker: Worker) -> None:
        worker.ready = False
        self._wake.set()

    def _end_rest(self) -> None:
        self._wake.set()
        self._thread.join()
        for worker in self._workers:
            self._end(worker)

    def _supervise(self) -> None:
        while not self._retired:
            self._wake.clear()
            try:
                self._remove_dead()
                self._adjust()
                self._mark_ready()
            except Exception:  # The next attempt may succeed.
                logger.exception("The workers of variant %s could not be supervised", self.variant_name)
            waits = self.current < self._desired
            self._wake.wait(_PING_INTERVAL_SECONDS if waits else None)

    def _mark_ready(self) -> None:
        """Mark workers as ready once they answer."""
        for worker in [worker for worker in self._workers if not worker.ready]:
            if worker.ping():
                with self._condition:
                    self._stillborn = 0
                    self._condition.notify_all()

    def _remove_dead(self) -> None:
        """Remove dead workers; one that never became ready is a failure, unless it was killed."""
        for worker in [worker for worker in self._workers if not worker.alive]:
            logger.warning("%s: %s", self._serving.endpoint_name, worker.exit_report)
            worker.stop(0)
            with self._condition:
                self._workers = [other for other in self._workers if other is not worker]
                if not worker.proven:
                    pause = min(_FIRST_PAUSE_SECONDS * 2**self._stillborn, _LONGEST_PAUSE_SECONDS)
                    self._next_start = time.monotonic() + pause
                    self._stillborn += 1
                    if not worker.was_killed or self._stillborn >= _FAILING_AFTER:
                        self._failure = worker.exit_report
                self._condition.notify_all()

    def _adjust(self) -> None:
        """Start missing workers and end surplus ones."""
        if self._failure and not self._serves:
            return
        for worker in self._workers[self._desired :]:
            self._end(worker)
        self._workers = self._workers[: self._desired]
        if time.monotonic() >= self._next_start:
            missing = self._desired - len(self._workers)
            self._workers = [*self._workers, *(Worker(self._serving, self._wake.set) for _ in range(missing))]
