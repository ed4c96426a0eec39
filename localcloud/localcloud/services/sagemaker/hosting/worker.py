"""Worker of a production variant: a serving process on its own port.

Requirements on containers: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html.
"""

import secrets
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import urllib3

from localcloud.core.errors import LocalCloudError
from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.containers import Container
from localcloud.runtime.images import Image
from localcloud.runtime.logs import LogStream

LOG_GROUP_PREFIX = "/aws/sagemaker/Endpoints/"
_INVOCATION_SECONDS = 60.0
_CONNECT_SECONDS = 2.0
_UNAVAILABLE = 503
_SIGNALLED = 128


class WorkerLost(LocalCloudError):
    """The worker ended before it answered."""


class InvocationTimeoutError(LocalCloudError):
    """The worker did not answer a request in time."""


@dataclass(frozen=True)
class ServingContainer:
    """Container of a variant's workers.

    Attributes:
        base_directory: Directory in place of ``/opt/ml``, with the model in ``model``.
        environ: Environment of the container, with its role's credentials unless isolated.
        session: Session of the model's role, which writes the log.
    """

    endpoint_name: str
    variant_name: str
    image: Image
    base_directory: Path
    environ: Mapping[str, str]
    session: RoleSession


@dataclass(frozen=True)
class Answer:
    """A container's response to an invocation.

    Attributes:
        log_stream: Log stream of the worker.
        seconds: Response time.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    log_stream: str = ""
    seconds: float = 0.0


class Worker:
    """One serving process.

    Attributes:
        ready: Passed its latest ``/ping``.
        proven: Has ever passed a ``/ping``.
        in_flight: Number of its current requests, counted by its pool.
        idle_since: End of its latest request (``time.monotonic()``).

    Args:
        serving: Container to run.
        on_exit: Called when its process ends.
    """

    def __init__(self, serving: ServingContainer, on_exit: Callable[[], None]):
        self.ready = False
        self.proven = False
        self.in_flight = 0
        self.idle_since = time.monotonic()
        stream = f"{serving.variant_name}/i-{secrets.token_hex(9)[:17]}"
        self._log = LogStream(serving.session, LOG_GROUP_PREFIX + serving.endpoint_name, stream)
        if serving.image.stand_in:
            self._log.write([f"Local cloud: {serving.image.directory} stands in for {serving.image.uri}."])
        port = _free_port()
        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=64, retries=False)
        self._container = Container(
            serving.image,
            "serve",
            base_directory=serving.base_directory,
            environ={**serving.environ, "SAGEMAKER_BIND_TO_PORT": str(port)},
            on_output=self._log.write,
            on_exit=on_exit,
        )

    @property
    def pid(self) -> int:
        """Process id; the process leads a group."""
        return self._container.pid

    @property
    def alive(self) -> bool:
        """True while its process runs."""
        return self._container.exit_code is None

    @property
    def was_killed(self) -> bool:
        """True if the process was ended from outside, not by an error of its own."""
        code = self._container.exit_code
        return code is not None and (code == 0 or code > _SIGNALLED)

    @property
    def exit_report(self) -> str:
        """Exit code and last lines of its log."""
        code = self._container.exit_code
        ended = "is still running" if code is None else f"exited with code {code}"
        return f"The container {ended}; its log ends: " + " | ".join(self._container.last_lines[-5:])

    def ping(self) -> bool:
        """Return True if ``GET /ping`` answers 200, and update ``ready``."""
        try:
            self.ready = self._pool.request("GET", "/ping", timeout=_CONNECT_SECONDS).status == 200
        except urllib3.exceptions.HTTPError:
            self.ready = False
        self.proven = self.proven or self.ready
        return self.ready

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send ``POST /invocations`` and return the container's response.

        Raises:
            WorkerLost: The process has ended or is about to end.
            InvocationTimeoutError: It did not answer in time.
        """
        timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=_INVOCATION_SECONDS)
        began = time.perf_counter()
        try:
            response = self._pool.request("POST", "/invocations", body=body, headers=headers, timeout=timeout)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise InvocationTimeoutError from error
        except urllib3.exceptions.HTTPError as error:
            raise WorkerLost(str(error)) from error
        seconds = time.perf_counter() - began
        if response.status == _UNAVAILABLE and not self.ping():
            raise WorkerLost("The container answered 503 and does not pass the ping health check.")
        return Answer(response.status, response.headers, response.data, self._log.name, seconds)

    def stop(self, grace_seconds: float) -> None:
        """End the process: SIGTERM, then SIGKILL."""
        self.ready = False
        self._container.stop(grace_seconds)
        self._pool.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
