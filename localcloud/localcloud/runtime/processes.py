"""Child processes of the local cloud: each leads its own process group, and none outlives the local cloud."""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from localcloud.runtime.preloading import ForkServers

# Variables that children inherit; everything else is passed explicitly.
_ESSENTIALS = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")


class Process(Protocol):
    """The part of ``subprocess.Popen`` that the local cloud uses."""

    pid: int
    stdout: BinaryIO

    def poll(self) -> int | None:
        """Return the return code, or None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit and return the return code."""
        ...


def essential_environment() -> dict[str, str]:
    """Return the environment variables that every child process needs on this machine."""
    return {name: os.environ[name] for name in _ESSENTIALS if name in os.environ}


def spawn(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    directory: Path,
    pass_fds: Sequence[int] = (),
) -> Process:
    """Start ``command`` as the leader of a new process group, with stdout and stderr on one pipe.

    Python programs named in ``LOCALCLOUD_PRELOAD`` start with their libraries imported.

    Args:
        command: Program and arguments.
        environ: Complete environment; nothing is inherited.
        directory: Working directory.
        pass_fds: File descriptors that the child inherits under the same numbers.
    """
    process: Process | None = None if pass_fds else _fork_servers.start(command, environ, directory)
    if process is None:
        started = subprocess.Popen(
            list(command),
            env=dict(environ),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        process = cast("Process", started)
    _reaper.watch(process.pid)
    return process


def end(process: Process, grace_seconds: float = 0.0) -> int:
    """Terminate a process and its group: SIGTERM, then SIGKILL after ``grace_seconds``.

    Returns:
        The process's exit code; as in a shell, 128 + n if signal n killed it.
    """
    if process.poll() is None and grace_seconds > 0:
        _signal_group(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
    _signal_group(process, signal.SIGKILL)  # Also reaches children that the leader left behind.
    code = process.wait()
    _reaper.forget(process.pid)
    return 128 - code if code < 0 else code


def _signal_group(process: Process, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


class _Reaper:
    """Reports process groups to ``reaper.py``, which starts with the first child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def watch(self, group: int) -> None:
        with self._lock:
            self._groups.add(group)
            self._tell(f"+{group}")

    def forget(self, group: int) -> None:
        with self._lock:
            self._groups.discard(group)
            self._tell(f"-{group}")

    def close(self) -> None:
        """Let the reaper terminate the remaining groups, and wait for it."""
        with self._lock:
            self._closed = True
            if self._process and self._process.stdin:
                self._process.stdin.close()
                self._process.wait()

    def _tell(self, line: str) -> None:
        if self._closed:
            return
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__).with_name("reaper.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
            line = "\n".join(f"+{group}" for group in self._groups)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()


_reaper = _Reaper()
_fork_servers = ForkServers()
atexit.register(_reaper.close)
atexit.register(_fork_servers.close)
