"""Instance of a transform job: a serving container for one job's requests.

Requirements: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html.
"""

import secrets
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import urllib3

from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.containers import Container
from localcloud.runtime.images import Image
from localcloud.runtime.logs import LogStream
from localcloud.services.sagemaker.common.job_run import JobFailed

LOG_GROUP = "/aws/sagemaker/TransformJobs"

_STARTUP_SECONDS = 480.0
_PING_INTERVAL_SECONDS = 0.1
_CONNECT_SECONDS = 2.0
_END_SECONDS = 2.0
_STOP_GRACE_SECONDS = 2.0
_RETRY_PAUSE_SECONDS = 0.5
_SERVER_FAULT = 500
_CLIENT_FAULT = 400


class WorkerFailed(JobFailed):
    """A container did not start, ended, or rejected a request; the message is the job's failure reason."""


class TransformWorker:
    """A container that serves the job's model.

    Args:
        image: The image.
        base_directory: Directory in place of ``/opt/ml``, with the model in ``model``.
        environ: Environment of the container.
        session: Session of the model's role, which writes the logs.
        job_name: Name of the job.
        client_config: ``ModelClientConfig`` of the request.
        stopping: Set when the job is asked to stop.
    """

    def __init__(
        self,
        image: Image,
        *,
        base_directory: Path,
        environ: Mapping[str, str],
        session: RoleSession,
        job_name: str,
        client_config: Mapping[str, int],
        stopping: threading.Event,
    ):
        stream = f"{job_name}/i-{secrets.token_hex(9)[:17]}-{time.time_ns() // 1_000_000}"
        self._log = LogStream(session, LOG_GROUP, stream)
        self._data_log = LogStream(session, LOG_GROUP, f"{stream}/data-log")
        if image.stand_in:
            self._log.write([f"Local cloud: {image.directory} stands in for {image.uri}."])
        self._stopping = stopping
        self._attempts = 1 + int(client_config.get("InvocationsMaxRetries", 3))
        self._seconds = float(client_config.get("InvocationsTimeoutInSeconds", 600))
        port = _free_port()
        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=64, retries=False)
        self._container = Container(
            image,
            "serve",
            base_directory=base_directory,
            environ={**environ, "SAGEMAKER_BIND_TO_PORT": str(port)},
            on_output=self._log.write,
            on_exit=lambda: None,
        )

    def wait(self) -> None:
        """Wait until the container answers ``/ping``, or the job is asked to stop.

        Raises:
            WorkerFailed: The container ended, or did not answer in time.
        """
        deadline = time.monotonic() + _STARTUP_SECONDS
        while not self._stopping.is_set():
            self._check_alive()
            if self._ping():
                return
            if time.monotonic() > deadline:
                raise WorkerFailed("ClientError: The container did not pass the ping health check.")
            self._stopping.wait(_PING_INTERVAL_SECONDS)

    def invoke(self, body: bytes, headers: Mapping[str, str], what: str) -> bytes:
        """Return the container's response to a request.

        Args:
            body: Body of the request.
            headers: Its content type and accepted types.
            what: The object that it belongs to, for the log.

        Raises:
            WorkerFailed: The container rejected the request, or did not answer any attempt.
        """
        timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=self._seconds)
        said = ""
        for attempt in range(self._attempts):
            if attempt and self._stopping.wait(_RETRY_PAUSE_SECONDS):
                break
            try:
                response = self._pool.request("POST", "/invocations", body=body, headers=headers, timeout=timeout)
            except urllib3.exceptions.HTTPError as error:
                if isinstance(error, urllib3.exceptions.NewConnectionError):
                    # The container has ended, perhaps unnoticed so far.
                    self._container.wait(_END_SECONDS)
                self._check_alive()
                said = f"{type(error).__name__}: {error}"
                continue
            if response.status < _CLIENT_FAULT:
                return response.data
            said = f"{response.status}: {response.data[:1000].decode('utf-8', 'replace')}"
            if response.status < _SERVER_FAULT:
                break
        kind = "ClientError" if said.startswith("4") else "AlgorithmError"
        if not self._stopping.is_set():
            self._data_log.write([f"{what}: {kind}: {said}"])
        raise WorkerFailed(f"{kind}: See job logs for more information")

    def note(self, line: str) -> None:
        """Write a line to the data log."""
        self._data_log.write([line])

    def stop(self) -> None:
        """End the container: SIGTERM, then SIGKILL."""
        self._container.stop(_STOP_GRACE_SECONDS)
        self._pool.close()

    def _ping(self) -> bool:
        try:
            return self._pool.request("GET", "/ping", timeout=_CONNECT_SECONDS).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _check_alive(self) -> None:
        code = self._container.exit_code
        if code is not None and not self._stopping.is_set():
            self._log.write([f"Local cloud: the container exited with code {code}."])
            raise WorkerFailed("AlgorithmError: See job logs for more information")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
