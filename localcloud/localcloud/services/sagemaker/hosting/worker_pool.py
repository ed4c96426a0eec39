"""The workers of a variant and how a request finds one: what instances and serverless capacity have in common."""

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
"""How long a request waits for a worker: boto3 waits 60 seconds for an answer."""

# A request that so many workers did not survive is taken for what ends them.
_MOST_LOST = 5
_DRAIN_SECONDS = 60.0
_STOP_GRACE_SECONDS = 30.0


class PoolFailed(LocalCloudError):
    """A variant's workers did not come up; the message is the endpoint's failure reason."""


class NoWorkerError(LocalCloudError):
    """No worker could take a request."""


class WorkerPool(ABC):
    """The workers of one variant.

    A request whose worker dies before it has answered goes to another one; where there is none, it waits for the next.

    Args:
        serving: what each worker runs.
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
        """The variant that they are of."""
        return self._serving.variant_name

    @property
    def workers(self) -> list[Worker]:
        """Those that there are, ready or not."""
        return list(self._workers)

    @property
    def current(self) -> int:
        """How many workers answer."""
        return sum(worker.ready for worker in self.workers)

    @property
    def failing(self) -> str | None:
        """Why no worker comes up any more; ``None`` while they do."""
        return None

    @abstractmethod
    def start(self, seconds: float = STARTUP_SECONDS) -> None:
        """Return once the variant can answer.

        Raises:
            PoolFailed: a worker ended, or did not answer ``/ping`` within ``seconds``; none is left.
        """

    @abstractmethod
    def _take(self, deadline: float) -> Worker:
        """Return a worker for one more request, at the latest at ``deadline``.

        Raises:
            NoWorkerError: there is none by then.
        """

    @abstractmethod
    def _suspect(self, worker: Worker) -> None:
        """Give a worker that lost a request no other one before it has passed a ping."""

    @abstractmethod
    def _end_rest(self) -> None:
        """End what keeps the pool, and its workers."""

    def retire(self) -> None:
        """Let requests under way finish and end the workers."""
        with self._condition:
            self._condition.wait_for(lambda: self._requests == 0, _DRAIN_SECONDS)
            self._retired = True
            self._condition.notify_all()
        self._end_rest()
        for thread in list(self._ending):
            thread.join()

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as under way, so that the pool does not retire meanwhile."""
        with self._condition:
            self._requests += 1
        try:
            yield
        finally:
            with self._condition:
                self._requests -= 1
                self._condition.notify_all()

    def invoke(self, body: bytes, headers: Mapping[str, str], patience: float = PATIENCE_SECONDS) -> Answer:
        """Send a request to a worker, to another one when that one goes before it has answered.

        Args:
            body: the request.
            headers: its headers.
            patience: how many seconds it waits for a worker.

        Raises:
            NoWorkerError: none could take it.
            WorkerLost: every one that took it went away.
            InvocationTimeoutError: one took it and did not answer.
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
        """Let a worker, which takes no more requests, finish those that it has, and end it, in the background."""
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
