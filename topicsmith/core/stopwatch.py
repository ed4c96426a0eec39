"""Timing of the phases of a long command."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

from topicsmith.core import output


@dataclass(frozen=True)
class Phase:
    """Phase and its wall-clock time."""

    name: str
    seconds: float


class Stopwatch:
    """Timer for phases that shows the current one on ``console``."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self.phases: list[Phase] = []

    @property
    def seconds(self) -> float:
        """Seconds since the stopwatch was created."""
        return time.monotonic() - self._started

    @contextmanager
    def phase(self, name: str, *, quiet: bool = True) -> Iterator[None]:
        """Time a block; show a spinner if it is ``quiet``, that is, without progress output of its own."""
        started = time.monotonic()
        if quiet:
            with self._console.status(f"{name} ..."):
                yield
        else:
            yield
        phase = Phase(name, time.monotonic() - started)
        self.phases.append(phase)
        self._console.print(f"{phase.name}  {output.duration(phase.seconds)}", style="dim", soft_wrap=True)
