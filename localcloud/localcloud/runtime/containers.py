"""A container's stand-in: one program of an image, as a process group with its log and its end."""

import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from localcloud.core.role_sessions import RoleSession
from localcloud.runtime import processes
from localcloud.runtime.images import Image
from localcloud.runtime.logs import pump_lines

logger = logging.getLogger(__name__)

OutputLines = Callable[[Sequence[str]], None]

_REMEMBERED_LINES = 20


def container_credentials(session: RoleSession, *, isolated: bool) -> dict[str, str]:
    """Return the variables with which a container acts as its role; one in isolation gets no credentials.

    See https://docs.aws.amazon.com/sagemaker/latest/dg/mkt-algo-model-internet-free.html.
    """
    return {"AWS_REGION": session.region} if isolated else session.environ()


class Container:
    """A program of an image that runs from its creation on.

    Args:
        image: where the program lies.
        program: its name, ``train`` or ``serve``.
        base_directory: what stands for ``/opt/ml`` (``SAGEMAKER_BASE_DIR``).
        environ: the container's environment variables, beside the machine's essentials.
        on_output: called with the lines of its output as they come, in a thread of the container's own.
        on_exit: called once, after its last output.
        command: what runs in the place of the program itself.
    """

    def __init__(
        self,
        image: Image,
        program: str,
        *,
        base_directory: Path,
        environ: Mapping[str, str],
        on_output: OutputLines,
        on_exit: Callable[[], None],
        command: Sequence[str] | None = None,
    ):
        self._on_output = on_output
        self._on_exit = on_exit
        self._last_lines: deque[str] = deque(maxlen=_REMEMBERED_LINES)
        self._exit_code: int | None = None
        essentials = processes.essential_environment()
        self._process = processes.spawn(
            command or image.command(program),
            environ={
                **essentials,
                # `python` in a shell script is this Python.
                "PATH": f"{image.directory}:{Path(sys.executable).parent}:{essentials.get('PATH', '')}",
                "HOME": str(base_directory),
                "PYTHONUNBUFFERED": "1",
                # An instance is its container's alone; here threads that spin while they wait keep others waiting.
                "GOMP_SPINCOUNT": "3000",
                **environ,
                "SAGEMAKER_BASE_DIR": str(base_directory),
            },
            directory=image.directory,
        )
        self._thread = threading.Thread(target=self._follow, name=f"{program} {self.pid}", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code (128 + n where signal n ended it); ``None`` while it runs."""
        return self._exit_code

    @property
    def last_lines(self) -> list[str]:
        """The last lines of its output."""
        return list(self._last_lines)

    def wait(self, seconds: float) -> None:
        """Wait until it has ended and its output is read, but no longer than this."""
        self._thread.join(seconds)

    def stop(self, grace_seconds: float) -> None:
        """End the container: SIGTERM, then SIGKILL; returns when it is gone and its output is read."""
        processes.end(self._process, grace_seconds)
        self._thread.join()

    def _follow(self) -> None:
        output = threading.Thread(target=self._read_output, name=f"output of {self.pid}", daemon=True)
        output.start()
        self._process.wait()
        exit_code = processes.end(self._process)  # Its children go too, which closes the pipe.
        output.join()
        self._exit_code = exit_code
        self._on_exit()

    def _read_output(self) -> None:
        try:
            pump_lines(cast("BinaryIO", self._process.stdout), self._take)
        except Exception:
            logger.exception("The output of process %s is lost", self.pid)

    def _take(self, lines: list[str]) -> None:
        self._last_lines.extend(line for line in lines if line.strip())
        self._on_output(lines)
