"""Serverless capacity of a variant: one worker per concurrent request, none when idle.

See https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from localcloud.core.errors import LocalCloudError
from localcloud.core.settings import real_seconds
from localcloud.services.sagemaker.hosting.worker import Answer, ServingContainer, Worker
from localcloud.services.sagemaker.hosting.worker_pool import (
    PATIENCE_SECONDS,
    STARTUP_SECONDS,
    NoWorkerError,
    WorkerPool,
)

logger = logging.getLogger(__name__)

_PING_INTERVAL_SECONDS = 0.02
_MOST_STARTS = 3
# AWS does not document how long it keeps idle capacity.
_IDLE_SECONDS = 300.0
_KEEPERS_ROUNDS = 5


class ThrottledError(LocalCloudError):
    """The maximum number of concurrent requests is reached."""


class ServerlessPool(WorkerPool):
    """Workers of a serverless variant, started for requests and ended when idle.

    Args:
        serving: Container of the workers.
        config: ``ServerlessConfig`` of the variant.
        on_setup: Called with the seconds that a request waited for a new worker.
    """

    def __init__(self, serving: ServingContainer, config: Mapping[str, int], on_setup: Callable[[float], None]):
        super().__init__(serving)
        self._config = dict(config)
        self._on_setup = on_setup
        self._busy = 0
        self._wake = threading.Event()
        self._thread = threading.Thread(
            target=self._keep, name=f"{serving.endpoint_name} {serving.variant_name}", daemon=True
        )

    @property
    def config(self) -> dict[str, int]:
        """Current ``ServerlessConfig``."""
        return dict(self._config)

    def reconfigure(self, update: Mapping[str, int]) -> None:
        """Change ``MaxConcurrency`` or ``ProvisionedConcurrency``."""
        self._config.update(update)
        self._wake.set()

    def start(self, seconds: float = STARTUP_SECONDS) -> None:
        """Check that a worker comes up, and end it again unless concurrency is provisioned.

        Raises:
            PoolFailed: The worker ended, or did not answer ``/ping`` within ``seconds``.
        """
        deadline = time.monotonic() + seconds
        for _ in range(_MOST_STARTS):
            worker = self._launch()
            if self._comes_up(worker, deadline) or not worker.was_killed:
                break
            self._dismiss(worker)
        if not worker.ready:
            self._dismiss(worker)
            raise self._ping_failure(worker.exit_report)
        if not self._provisioned:
            self._dismiss(worker)
        self._thread.start()

    def invoke(self, body: bytes, headers: Mapping[str, str], patience: float = PATIENCE_SECONDS) -> Answer:
        """Send a request to an idle worker, or to a new one.

        Raises:
            ThrottledError: The maximum concurrency is reached.
            NoWorkerError: No worker was available.
            WorkerLost: Every worker that took the request ended.
            InvocationTimeoutError: The worker did not answer in time.
        """
        with self._condition:
            most = self._config["MaxConcurrency"]
            if self._busy >= most:
                raise ThrottledError(f"Variant {self.variant_name} already has {most} requests, its MaxConcurrency.")
            self._busy += 1
        try:
            return super().invoke(body, headers, patience)
        finally:
            with self._condition:
                self._busy -= 1

    @property
    def _provisioned(self) -> int:
        return self._config.get("ProvisionedConcurrency") or 0

    def _take(self, deadline: float) -> Worker:
        """Return the worker that became idle last, or a new one."""
        began = time.monotonic()
        for _ in range(_MOST_STARTS):
            with self._condition:
                idle = [worker for worker in self._workers if worker.ready and worker.alive and not worker.in_flight]
                if idle:
                    worker = max(idle, key=lambda candidate: candidate.idle_since)
                    worker.in_flight = 1
                    return worker
            worker = self._launch(in_flight=1)
            if self._comes_up(worker, deadline):
                self._on_setup(time.monotonic() - began)
                return worker
            logger.warning("%s: %s", self._serving.endpoint_name, worker.exit_report)
            worker.in_flight = 0
            self._dismiss(worker)
        raise NoWorkerError(f"No worker of variant {self.variant_name} came up. {worker.exit_report}")

    def _suspect(self, worker: Worker) -> None:
        self._dismiss(worker)

    def _end_rest(self) -> None:
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        for worker in self.workers:
            self._end(worker)

    def _launch(self, in_flight: int = 0) -> Worker:
        worker = Worker(self._serving, self._wake.set)
        worker.in_flight = in_flight
        with self._condition:
            self._workers = [*self._workers, worker]
        return worker

    def _comes_up(self, worker: Worker, deadline: float) -> bool:
        while worker.alive and time.monotonic() < deadline:
            if worker.ping():
                return True
            time.sleep(_PING_INTERVAL_SECONDS)
        return False

    def _dismiss(self, worker: Worker) -> None:
        with self._condition:
            self._workers = [other for other in self._workers if other is not worker]
        self._end(worker)

    def _keep(self) -> None:
        """Maintain the provisioned workers and end idle ones, until the pool retires."""
        idle_seconds = real_seconds(_IDLE_SECONDS)
        while not self._retired:
            self._wake.clear()
            for worker in self.workers:
                if not worker.alive and not worker.in_flight:
                    self._dismiss(worker)
            since = time.monotonic() - idle_seconds
            for worker in self.workers[self._provisioned :]:
                with self._condition:
                    expired = worker.ready and not worker.in_flight and worker.idle_since < since
                    if expired:
                        worker.ready = False
                if expired:
                    self._dismiss(worker)
            while len(self._workers) < self._provisioned and not self._retired:
                worker = self._launch(in_flight=1)
                if not self._comes_up(worker, time.monotonic() + STARTUP_SECONDS):
                    logger.warning("%s: %s", self._serving.endpoint_name, worker.exit_report)
                self._give_back(worker)
                if not worker.ready:
                    self._dismiss(worker)
                    break
            self._wake.wait(idle_seconds / _KEEPERS_ROUNDS)
