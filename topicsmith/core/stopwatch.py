"""How long the phases of something long took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

from topicsmith.core import output


@dataclass(frozen=True)
class Phase:
    """A phase and its wall-clock time."""

    name: str
    seconds: float


class Stopwatch:
    """Says on ``console`` what is being done, and keeps how long it took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self.phases: list[Phase] = []

    @property
    def seconds(self) -> float:
        """Since this stopwatch was made."""
        return time.monotonic() - self._started

    @contextmanager
    def phase(self, name: str, *, quiet: bool = True) -> Iterator[None]:
        """Time the block; ``quiet`` ones, that show no progress of their own, get a spinner."""
        started = time.monotonic()
        if quiet:
            with self._console.status(f"{name} ..."):
                yield
        else:
            yield
        phase = Phase(name, time.monotonic() - started)
        self.phases.append(phase)
        self._console.print(f"{phase.name}  {output.duration(phase.seconds)}", style="dim", soft_wrap=True)
