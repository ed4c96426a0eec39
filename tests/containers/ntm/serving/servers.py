"""``serve`` as a process, and requests to it."""

import http.client
import json
import socket
import time
from pathlib import Path

import numpy as np

from tests.containers.ntm import jobs


class Server:
    def __init__(self, base: Path, **environ: str) -> None:
        self.port = free_port()
        self.process = jobs.start("serve", base, SAGEMAKER_BIND_TO_PORT=str(self.port), **environ)
        while True:
            try:
                assert self.request("GET", "/ping") == (200, b"")
                return
            except ConnectionError:
                assert self.process.poll() is None
                time.sleep(0.02)

    @property
    def workers(self) -> list[int]:
        """Ids of the worker processes."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None, **headers: str
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=900)
        try:
            connection.request(method, path, body, ({"Content-Type": content_type} if content_type else {}) | headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def invoke(self, body: bytes | object, content_type: str = "application/json") -> np.ndarray:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, answer = self.request("POST", "/invocations", content, content_type)
        assert status == 200, answer
        return np.array([prediction["topic_weights"] for prediction in json.loads(answer)["predictions"]])

    def refusal(self, body: bytes | object, content_type: str | None = "application/json") -> tuple[int, str]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, answer = self.request("POST", "/invocations", content, content_type)
        return status, json.loads(answer)["error"]

    def stop(self) -> str:
        self.process.terminate()
        log, _ = self.process.communicate(timeout=900)
        return log


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
