"""Programs that start with their libraries imported, from fork servers.

Importing PyTorch takes longer than a small training. ``LOCALCLOUD_PRELOAD`` names the libraries of a program; a fork
server (``fork_server.py``) imports them once. Linux only: elsewhere, libraries may not survive a fork.
"""

import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from localcloud.core.settings import preloads
from localcloud.runtime.fork_server import LONGEST_REQUEST

logger = logging.getLogger(__name__)

# Libraries and the interpreter read these once, when they are loaded.
_LOADING = ("GOMP_", "KMP_", "LANG", "LC_", "LD_", "MALLOC_", "MKL_", "OMP_", "OPENBLAS_", "PYTHON", "TORCH", "CUDA_")
_MOST_SERVERS = 6


class ForkedProcess:
    """A running program, with the part of ``subprocess.Popen`` that the local cloud uses."""

    def __init__(self, pid: int, status: socket.socket, stdout: BinaryIO):
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._status = status
        self._lock = threading.Lock()
        # Other threads may still wait on the socket when one has read the return code.
        weakref.finalize(self, status.close)

    def poll(self) -> int | None:
        """Return the return code, or None while the program runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the program to exit and return its return code, -n if signal n killed it.

        Raises:
            subprocess.TimeoutExpired: It still runs after ``timeout`` seconds.
        """
        if self.returncode is None:
            waiting = select.poll()
            waiting.register(self._status, select.POLLIN)
            if not waiting.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            with self._lock:
                if self.returncode is None:
                    # Without an answer, the fork server was killed; its programs count as killed, too.
                    self.returncode = int(_received(self._status) or -signal.SIGKILL)
        return self.returncode


class ForkServers:
    """The fork servers of this process, started on first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[tuple[object, ...], _ForkServer | None] = {}
        self._closed = False

    def start(self, command: Sequence[str], environ: Mapping[str, str], directory: Path) -> ForkedProcess | None:
        """Start a Python program; return None if it needs an ordinary process.

        Args:
            command: This Python, the program's path, and arguments.
            environ: Complete environment.
            directory: Working directory.
        """
        modules = preloads().get(Path(command[1]).name) if command[0] == sys.executable and len(command) > 1 else None
        if not modules or sys.platform != "linux":
            return None
        loading = {name: value for name, value in environ.items() if name.startswith(_LOADING)}
        request = json.dumps({"command": list(command), "environ": dict(environ), "directory": str(directory)}).encode()
        server = self._server(modules, loading)
        if server is None or len(request) > LONGEST_REQUEST:
            return None
        try:
            return server.start(request)
        except (OSError, ValueError) as error:
            logger.warning("Programs start without %s: %s", ", ".join(modules), error)
            with self._lock:
                self._servers[_key(modules, loading)] = None
            server.close()
            return None

    def close(self) -> None:
        """End the fork servers, but not their programs."""
        with self._lock:
            self._closed = True
            for server in filter(None, self._servers.values()):
                server.close()
            self._servers.clear()

    def _server(self, modules: Sequence[str], loading: Mapping[str, str]) -> "_ForkServer | None":
        key = _key(modules, loading)
        with self._lock:
            if not self._closed and key not in self._servers and len(self._servers) < _MOST_SERVERS:
                self._servers[key] = _ForkServer(modules, loading)
            return self._servers.get(key)


class _ForkServer:
    def __init__(self, modules: Sequence[str], environ: Mapping[str, str]):
        self._lock = threading.Lock()
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST_REQUEST)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("fork_server.py")), str(theirs.fileno()), *modules],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def start(self, request: bytes) -> ForkedProcess:
        """Start a program.

        Raises:
            OSError: The server has ended, for example because it could not import a module.
        """
        status, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        read_end, write_end = os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._requests, [request], [write_end, theirs.fileno()])
        except OSError:
            os.close(read_end)
            status.close()
            raise
        finally:
            os.close(write_end)
            theirs.close()
        stdout = os.fdopen(read_end, "rb")
        if not (pid := _received(status)):
            stdout.close()
            status.close()
            raise OSError(f"the fork server has ended with exit code {self._process.wait()}")
        return ForkedProcess(int(pid), status, stdout)

    def close(self) -> None:
        self._requests.close()
        self._process.kill()  # It has nothing to finish; unloading its libraries would take a while.
        self._process.wait()


def _received(status: socket.socket) -> bytes:
    """Return the next message of a status socket, empty if the fork server has ended."""
    try:
        return status.recv(32)
    except OSError:
        return b""


def _key(modules: Sequence[str], loading: Mapping[str, str]) -> tuple[object, ...]:
    return (*modules, *sorted(loading.items()))
