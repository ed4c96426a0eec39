"""One worker of a production variant: a serving process on a port of its own.

What a container must do is in https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html.
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
    """A worker went away before it had answered."""


class InvocationTimeoutError(LocalCloudError):
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
    """What a container answered to an invocation.

    Attributes:
        log_stream: of the worker that answered.
        seconds: how long it took to answer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    log_stream: str = ""
    seconds: float = 0.0


class Worker:
    """One serving process.

    Attributes:
        ready: whether it has passed its last ``/ping``.
        proven: whether it has ever passed one.
        in_flight: the requests that it is about; its pool counts them.
        idle_since: when it last had one (``time.monotonic()``).

    Args:
        serving: what it runs.
        on_exit: called once its process is gone.
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
        """Its process, which leads a group."""
        return self._container.pid

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._container.exit_code is None

    @property
    def was_killed(self) -> bool:
        """Whether somebody ended its process, rather than the program itself with an error."""
        code = self._container.exit_code
        return code is not None and (code == 0 or code > _SIGNALLED)

    @property
    def obituary(self) -> str:
        """The end of what it said, and its exit code."""
        code = self._container.exit_code
        ended = "is still running" if code is None else f"exited with code {code}"
        return f"The container {ended}; its log ends: " + " | ".join(self._container.last_lines[-5:])

    def ping(self) -> bool:
        """Return whether ``GET /ping`` answers 200, and note it."""
        try:
            self.ready = self._pool.request("GET", "/ping", timeout=_CONNECT_SECONDS).status == 200
        except urllib3.exceptions.HTTPError:
            self.ready = False
        self.proven = self.proven or self.ready
        return self.ready

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send ``POST /invocations`` and return what the container answers.

        Raises:
            WorkerLost: the process is gone, or says that it goes.
            InvocationTimeoutError: it did not answer in time.
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
        """End its process: SIGTERM, then SIGKILL."""
        self.ready = False
        self._container.stop(grace_seconds)
        self._pool.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
