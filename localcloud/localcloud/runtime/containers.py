"""Containers emulated as process groups: one program of an image, with its output and exit code."""

import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from localcloud.runtime import processes
from localcloud.runtime.images import Image
from localcloud.runtime.logs import pump_lines
from localcloud.runtime.missing_modules import blocking_environment

logger = logging.getLogger(__name__)

OutputLines = Callable[[Sequence[str]], None]

_REMEMBERED_LINES = 20


class Container:
    """A running program of an image; it starts on construction.

    Args:
        image: Image that contains the program.
        program: Its name, ``train`` or ``serve``.
        base_directory: Directory that replaces ``/opt/ml`` (``SAGEMAKER_BASE_DIR``).
        environ: The container's variables, in addition to those of ``LOCAL_VARIABLES`` that every process needs.
        on_output: Called with lines of output as they arrive, in the container's own thread.
        on_exit: Called once, after the last output.
        command: Command to run instead of the program.
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
                "LANG": "C.UTF-8",
                "PYTHONUNBUFFERED": "1",
                "GOMP_SPINCOUNT": "3000",
                **environ,
                **blocking_environment(image.directory, environ),
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
        """The exit code (128 + n if signal n killed it), ``None`` while it runs."""
        return self._exit_code

    @property
    def last_lines(self) -> list[str]:
        """The last non-blank lines of its output."""
        return list(self._last_lines)

    def wait(self, seconds: float) -> None:
        """Wait until the process has exited and its output is consumed, for at most ``seconds``."""
        self._thread.join(seconds)

    def stop(self, grace_seconds: float) -> None:
        """Send SIGTERM, then SIGKILL; return once the process has exited and its output is consumed."""
        processes.end(self._process, grace_seconds)
        self._thread.join()

    def _follow(self) -> None:
        output = threading.Thread(target=self._read_output, name=f"output of {self.pid}", daemon=True)
        output.start()
        self._process.wait()
        exit_code = processes.end(self._process)  # Kills its children too, which closes the pipe.
        output.join()
        self._exit_code = exit_code
        self._on_exit()

    def _read_output(self) -> None:
        try:
            pump_lines(self._process.stdout, self._take)
        except Exception:
            logger.exception("Lost the output of process %s", self.pid)

    def _take(self, lines: list[str]) -> None:
        self._last_lines.extend(line for line in lines if line.strip())
        self._on_output(lines)
