"""Job processes of a local cloud, found in ``/proc``."""

from dataclasses import dataclass
from pathlib import Path

from localcloud.control import LocalCloud


@dataclass(frozen=True)
class Process:
    """A child process of the local cloud; it leads a process group.

    Attributes:
        program: Program it runs: train, evaluate, serve, or function_bootstrap.py for a Lambda function.
    """

    pid: int
    program: str


def running(cloud: LocalCloud, *programs: str) -> list[Process]:
    """Return the child processes of a cloud that run one of these programs for a job, not for an endpoint."""
    endpoints = f"SAGEMAKER_BASE_DIR={cloud.state_dir / 'endpoints'}/".encode()
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            if endpoints in (status.parent / "environ").read_bytes():
                continue
            words = (status.parent / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (OSError, ValueError):
            continue  # It has exited in the meantime.
        program = next((name for word in words if (name := Path(word).name) in programs), None)
        if parent == cloud.pid and program:
            found.append(Process(int(status.parent.name), program))
    return found
