"""Worker pools: the part shared by instances and serverless capacity."""

import contextlib
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping

from localcloud.core.errors import LocalCloudError
from localcloud.services.sagemaker.hosting.worker import Answer, ServingContainer, Worker, WorkerLost

logger = logging.getLogger(__name__)

STARTUP_SECONDS = 480.0
PATIENCE_SECONDS = 45.0
"""Maximum wait of a request for a worker; boto3 waits 60 seconds for a response."""

# After losing this many workers, a request is considered the cause.
_MOST_LOST = 5
_DRAIN_SECONDS = 60.0
_STOP_GRACE_SECONDS = 30.0


class PoolFailed(LocalCloudError):
    """A variant's workers did not come up; the message is the endpoint's failure reason."""


class NoWorkerError(LocalCloudError):
    """No worker could take a request."""


class WorkerPool(ABC):
    """Workers of one variant.

    A request whose worker dies before it answers goes to another worker, waiting for one if necessary.

    Args:
        serving: Container of the workers.
    """

    def __init__(self, serving: ServingContainer):
        self._serving = serving
        self._condition = threading.Condition()
        self._workers: list[Worker] = []
        self._ending: list[threading.Thread] = []
        self._requests = 0
        self._retired = False

    @property
    def variant_name(self) -> str:
        """Name of the variant."""
        return self._serving.variant_name

    @property
    def workers(self) -> list[Worker]:
        """All workers, ready or not."""
        return list(self._workers)

    @property
    def current(self) -> int:
        """Number of ready workers."""
        return sum(worker.ready for worker in self.workers)

    @property
    def failing(self) -> str | None:
        """Reason if workers have stopped coming up, otherwise None."""
        return None

    @abstractmethod
    def start(self, seconds: float = STARTUP_SECONDS) -> None:
        """Start the pool and wait until the variant can answer.

        Raises:
            PoolFailed: A worker ended, or did not answer ``/ping`` within ``seconds``; all are ended.
        """

    @abstractmethod
    def _take(self, deadline: float) -> Worker:
        """Return a worker for one more request, waiting for one until ``deadline``.

        Raises:
            NoWorkerError: No worker became available.
        """

    @abstractmethod
    def _suspect(self, worker: Worker) -> None:
        """Send no more requests to a worker that lost one until it passes a ping."""

    @abstractmethod
    def _end_rest(self) -> None:
        """End the supervision and all workers."""

    def retire(self) -> None:
        """Drain requests and end the workers."""
        with self._condition:
            self._condition.wait_for(lambda: self._requests == 0, _DRAIN_SECONDS)
            self._retired = True
            self._condition.notify_all()
        self._end_rest()
        for thread in list(self._ending):
            thread.join()

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Count a request, so that the pool does not retire before it ends."""
        with self._condition:
            self._requests += 1
        try:
            yield
        finally:
            with self._condition:
                self._requests -= 1
                self._condition.notify_all()

    def invoke(self, body: bytes, headers: Mapping[str, str], patience: float = PATIENCE_SECONDS) -> Answer:
        """Send a request to a worker, and to another one if that worker ends before it answers.

        Args:
            body: Body of the request.
            headers: Headers of the request.
            patience: Maximum wait for a worker, seconds.

        Raises:
            NoWorkerError: No worker was available.
            WorkerLost: Every worker that took the request ended.
            InvocationTimeoutError: The worker did not answer in time.
        """
        deadline = time.monotonic() + patience
        for _ in range(_MOST_LOST):
            worker = self._take(deadline)
            try:
                return worker.invoke(body, headers)
            except WorkerLost as error:
                logger.info("A worker of %s did not answer: %s", self.variant_name, error)
                self._suspect(worker)
            finally:
                self._give_back(worker)
        raise WorkerLost(f"{_MOST_LOST} workers of variant {self.variant_name} ended on this request.")

    def _give_back(self, worker: Worker) -> None:
        with self._condition:
            worker.in_flight -= 1
            worker.idle_since = time.monotonic()
            self._condition.notify_all()

    def _end(self, worker: Worker) -> None:
        """End a worker in the background after its current requests; it takes no new ones."""
        worker.ready = False

        def work() -> None:
            with self._condition:
                self._condition.wait_for(lambda: worker.in_flight == 0, _DRAIN_SECONDS)
            worker.stop(_STOP_GRACE_SECONDS)

        thread = threading.Thread(target=work, name=f"end {self.variant_name}", daemon=True)
        self._ending = [other for other in self._ending if other.is_alive()] + [thread]
        thread.start()

    def _ping_failure(self, reason: str) -> PoolFailed:
        return PoolFailed(
            f"The primary container for production variant {self.variant_name} did not pass the ping health check. "
            f"Please check CloudWatch logs for this endpoint. {reason}"
        )
