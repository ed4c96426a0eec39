"""The instances of a production variant: as many workers as are wanted, a dead one replaced."""

import itertools
import logging
import threading
import time

from localcloud.services.sagemaker.hosting.worker import ServingContainer, Worker
from localcloud.services.sagemaker.hosting.worker_pool import STARTUP_SECONDS, NoWorkerError, WorkerPool

logger = logging.getLogger(__name__)

_PING_INTERVAL_SECONDS = 0.1
# A worker that ends before it was ready is followed by the next after a pause, which doubles each time.
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
_FAILING_AFTER = 3


class Fleet(WorkerPool):
    """The workers of one variant on instances; a dead one is replaced.

    Args:
        serving: what each worker runs.
        count: how many there are to be.
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
        """How many workers there are to be."""
        return self._desired

    @property
    def failing(self) -> str | None:
        """Why no worker comes up any more; ``None`` while they do."""
        return self._failure if self._stillborn >= _FAILING_AFTER else None

    def start(self, seconds: float = STARTUP_SECONDS) -> None:
        """Start the workers and return when all of them answer ``/ping``.

        Raises:
            PoolFailed: one ended, or did not answer within ``seconds``; none is left.
        """
        self._thread.start()
        with self._condition:
            self._condition.wait_for(lambda: self._failure or self.current >= self._desired, seconds)
            self._serves = self._failure is None and self.current >= self._desired
            silent = [worker for worker in self._workers if not worker.ready]
            reason = self._failure or (silent[0].obituary if silent else "")
        if not self._serves:
            self.retire()
            raise self._ping_failure(reason)

    def resize(self, count: int) -> None:
        """Have another number of workers, as soon as they are there or gone."""
        self._desired = count
        self._wake.set()

    def _take(self, deadline: float) -> Worker:
        """Return the ready worker with the fewest requests; those with as many have them in turn."""
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
                self._bury()
                self._adjust()
                self._greet()
            except Exception:  # The next worker may start where this one could not.
                logger.exception("The workers of variant %s cannot be seen to", self.variant_name)
            waits = self.current < self._desired
            self._wake.wait(_PING_INTERVAL_SECONDS if waits else None)

    def _greet(self) -> None:
        """Let those that answer by now have requests."""
        for worker in [worker for worker in self._workers if not worker.ready]:
            if worker.ping():
                with self._condition:
                    self._stillborn = 0
                    self._condition.notify_all()

    def _bury(self) -> None:
        """Take leave of dead workers; one that never was ready is a failure, unless somebody killed it."""
        for worker in [worker for worker in self._workers if not worker.alive]:
            logger.warning("%s: %s", self._serving.endpoint_name, worker.obituary)
            worker.stop(0)
            with self._condition:
                self._workers = [other for other in self._workers if other is not worker]
                if not worker.proven:
                    pause = min(_FIRST_PAUSE_SECONDS * 2**self._stillborn, _LONGEST_PAUSE_SECONDS)
                    self._next_start = time.monotonic() + pause
                    self._stillborn += 1
                    if not worker.was_killed or self._stillborn >= _FAILING_AFTER:
                        self._failure = worker.obituary
                self._condition.notify_all()

    def _adjust(self) -> None:
        """Start the workers that are missing, end those that are too many."""
        if self._failure and not self._serves:
            return
        for worker in self._workers[self._desired :]:
            self._end(worker)
        self._workers = self._workers[: self._desired]
        if time.monotonic() >= self._next_start:
            missing = self._desired - len(self._workers)
            self._workers = [*self._workers, *(Worker(self._serving, self._wake.set) for _ in range(missing))]
