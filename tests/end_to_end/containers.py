"""Job processes of a local cloud, found in ``/proc``."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localcloud.control import LocalCloud


@dataclass(frozen=True)
class Process:
    """A process that the local cloud started; it leads a process group.

    Attributes:
        program: Program it runs: train, evaluate, serve, or function_bootstrap.py for a Lambda function.
    """

    pid: int
    program: str


def running(cloud: LocalCloud, *programs: str) -> list[Process]:
    """Return the processes of a cloud that run one of these programs for a job, not for an endpoint."""
    endpoints = f"SAGEMAKER_BASE_DIR={cloud.state_dir / 'endpoints'}/".encode()
    found = []
    for process in _children(cloud.pid):
        with contextlib.suppress(OSError):  # It has exited in the meantime.
            if endpoints not in (process / "environ").read_bytes():
                found += [Process(int(process.name), name) for name in programs if name in _names(process)]
    for process in (process for server in fork_servers(cloud) for process in _children(server)):
        with contextlib.suppress(OSError):
            name = (process / "comm").read_text().strip()
            found += [Process(int(process.name), name)] if name in programs else []
    return found


def fork_servers(cloud: LocalCloud) -> list[int]:
    """Return the ids of a cloud's fork servers."""
    return [int(process.name) for process in _children(cloud.pid) if "fork_server.py" in _names(process)]


def _names(process: Path) -> set[str]:
    """Return the names of the files in a process's command."""
    with contextlib.suppress(OSError):
        return {Path(word).name for word in (process / "cmdline").read_bytes().decode(errors="replace").split("\0")}
    return set()


def _children(pid: int) -> Iterator[Path]:
    """Yield the folders in ``/proc`` of a process's children."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == pid:
                yield status.parent
