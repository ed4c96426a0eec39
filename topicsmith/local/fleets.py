"""The processes behind a production variant: workers that serve a model, each on a port of its own.

What a container must do is in https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html.
"""

import itertools
import logging
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from topicsmith.local.containers import Container
from topicsmith.local.identity import RoleSession
from topicsmith.local.images import Image
from topicsmith.local.logs import LogStream

logger = logging.getLogger(__name__)

LOG_GROUP_PREFIX = "/aws/sagemaker/Endpoints/"
STARTUP_SECONDS = 480.0
_INVOCATION_SECONDS = 60.0
_CONNECT_SECONDS = 2.0
_PING_INTERVAL_SECONDS = 0.1
_DRAIN_SECONDS = 60.0
_STOP_GRACE_SECONDS = 30.0
_RESTART_PAUSE_SECONDS = 1.0


class FleetFailed(Exception):
    """A fleet did not come up; the message is the endpoint's failure reason."""


class NoWorkerError(Exception):
    """No worker could take a request."""


class InvocationTimeoutError(Exception):
    """A worker took a request and did not answer in time."""


@dataclass(frozen=True)
class ServingContainer:
    """What each worker of a variant runs.

    Attributes:
        base_directory: what stands for ``/opt/ml``; the model lies in its ``model``.
        environ: the container's variables, with what it may know of its role.
        session: the model's role, as which its log is written.
    """

    endpoint_name: str
    variant_name: str
    image: Image
    base_directory: Path
    environ: Mapping[str, str]
    session: RoleSession


@dataclass(frozen=True)
class Answer:
    """What a container answered to an invocation, and the log stream of the worker that did."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    log_stream: str


class Worker:
    """One serving process; ``ready`` once it has passed its first ``/ping``."""

    def __init__(self, serving: ServingContainer, wake: threading.Event):
        self.ready = False
        stream = f"{serving.variant_name}/i-{secrets.token_hex(9)[:17]}"
        self._log = LogStream(serving.session, LOG_GROUP_PREFIX + serving.endpoint_name, stream)
        if serving.image.stand_in:
            self._log.write([f"Local cloud: this project's container stands in for {serving.image.uri}."])
        port = _free_port()
        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=64, retries=False)
        self._container = Container(
            serving.image,
            "serve",
            base_directory=serving.base_directory,
            environ={**serving.environ, "SAGEMAKER_BIND_TO_PORT": str(port)},
            on_output=self._log.write,
            on_exit=wake.set,
        )

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._container.exit_code is None

    @property
    def obituary(self) -> str:
        """The end of what it said, and its exit code."""
        code = self._container.exit_code
        ended = "is still running" if code is None else f"exited with code {code}"
        return f"The container {ended}; its log ends: " + " | ".join(self._container.last_lines[-5:])

    def ping(self) -> bool:
        """Return whether ``GET /ping`` answers 200."""
        try:
            return self._pool.request("GET", "/ping", timeout=_CONNECT_SECONDS).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send ``POST /invocations`` and return what the container answers.

        Raises:
            NoWorkerError: the process is gone.
            InvocationTimeoutError: it did not answer in time.
        """
        timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=_INVOCATION_SECONDS)
        try:
            response = self._pool.request("POST", "/invocations", body=body, headers=headers, timeout=timeout)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise InvocationTimeoutError from error
        except urllib3.exceptions.HTTPError as error:
            raise NoWorkerError(str(error)) from error
        return Answer(response.status, response.headers, response.data, self._log.name)

    def stop(self, grace_seconds: float) -> None:
        """End its process: SIGTERM, then SIGKILL."""
        self.ready = False
        self._container.stop(grace_seconds)
        self._pool.close()


class Fleet:
    """The workers of one variant; a dead one is replaced.

    Args:
        serving: what each worker runs.
        count: how many there are to be.
    """

    def __init__(self, serving: ServingContainer, count: int):
        self._serving = serving
        self._desired = count
        self._condition = threading.Condition()
        self._wake = threading.Event()
        self._workers: list[Worker] = []
        self._turn = itertools.count()
        self._requests = 0
        self._serves = False
        self._retired = False
        self._failure: str | None = None
        self._thread = threading.Thread(
            target=self._supervise, name=f"{serving.endpoint_name} {serving.variant_name}", daemon=True
        )

    @property
    def desired(self) -> int:
        """How many workers there are to be."""
        return self._desired

    @property
    def current(self) -> int:
        """How many workers answer."""
        return sum(worker.ready for worker in list(self._workers))

    def start(self, seconds: float = STARTUP_SECONDS) -> None:
        """Start the workers and return when all of them answer ``/ping``.

        Raises:
            FleetFailed: one ended, or did not answer within ``seconds``; none is left.
        """
        self._thread.start()
        with self._condition:
            self._condition.wait_for(lambda: self._failure or self.current >= self._desired, seconds)
            self._serves = self._failure is None and self.current >= self._desired
            silent = [worker for worker in self._workers if not worker.ready]
            reason = self._failure or (silent[0].obituary if silent else "")
        if not self._serves:
            self.retire()
            raise FleetFailed(
                f"The primary container for production variant {self._serving.variant_name} did not pass the ping "
                f"health check. Please check CloudWatch logs for this endpoint. {reason}"
            )

    def resize(self, count: int) -> None:
        """Have another number of workers, as soon as they are there or gone."""
        self._desired = count
        self._wake.set()

    def retire(self) -> None:
        """Let requests under way finish and end the workers."""
        with self._condition:
            self._condition.wait_for(lambda: self._requests == 0, _DRAIN_SECONDS)
        self._retired = True
        self._wake.set()
        self._thread.join()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as under way, so that the fleet does not retire meanwhile."""
        with self._condition:
            self._requests += 1
        try:
            yield
        finally:
            with self._condition:
                self._requests -= 1
                self._condition.notify_all()

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a request to the next worker in turn, to another one when that one is gone.

        Raises:
            NoWorkerError: none could take it.
            InvocationTimeoutError: one took it and did not answer.
        """
        for _ in range(len(self._workers) + 1):
            ready = [worker for worker in list(self._workers) if worker.ready and worker.alive]
            if not ready:
                break
            try:
                return ready[next(self._turn) % len(ready)].invoke(body, headers)
            except NoWorkerError:
                continue
        raise NoWorkerError(f"No worker of production variant {self._serving.variant_name} is ready.")

    def _supervise(self) -> None:
        while not self._retired:
            self._replace_dead()
            self._adjust()
            starting = [worker for worker in self._workers if not worker.ready]
            for worker in starting:
                if worker.ping():
                    with self._condition:
                        worker.ready = True
                        self._condition.notify_all()
            self._wake.wait(_PING_INTERVAL_SECONDS if starting else None)
            self._wake.clear()
        for worker in self._workers:
            worker.stop(_STOP_GRACE_SECONDS)

    def _replace_dead(self) -> None:
        dead = [worker for worker in self._workers if not worker.alive]
        if not dead:
            return
        for worker in dead:
            logger.warning("%s: %s", self._serving.endpoint_name, worker.obituary)
            worker.stop(0)
        with self._condition:
            self._workers = [worker for worker in self._workers if worker not in dead]
            self._failure = None if self._serves else dead[0].obituary
            self._condition.notify_all()
        if self._serves:
            time.sleep(_RESTART_PAUSE_SECONDS)

    def _adjust(self) -> None:
        if self._failure:
            return
        surplus = self._workers[self._desired :]
        self._workers = self._workers[: self._desired]
        for worker in surplus:
            worker.stop(_STOP_GRACE_SECONDS)
        while len(self._workers) < self._desired:
            self._workers = [*self._workers, Worker(self._serving, self._wake)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
