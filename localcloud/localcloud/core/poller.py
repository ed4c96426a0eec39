"""Periodic work of the server."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

logger = logging.getLogger(__name__)

_STOP_SECONDS = 5.0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Poller:
    """Work that repeats until the server stops.

    Attributes:
        name: Name of the thread, shown in the log.
        seconds: Pause before each round, or a function that returns it.
        work: One round; called with the current time in UTC.
    """

    name: str
    seconds: float | Callable[[], float]
    work: Callable[[datetime], object]

    def run(self, wait: Callable[[float], bool], now: Callable[[], datetime] = _now) -> None:
        """Repeat the work until ``wait`` returns true. A round that fails is logged; the next one follows.

        Args:
            wait: Pauses for a number of seconds; returns True to stop.
            now: Returns the current time.
        """
        while not wait(self.seconds() if callable(self.seconds) else self.seconds):
            try:
                self.work(now())
            except Exception:
                logger.exception("A round of %r failed", self.name)


@contextmanager
def polling(pollers: Iterable[Poller]) -> Iterator[None]:
    """Run each poller in a thread of its own; stop and join the threads at the end of the block."""
    stopping = threading.Event()
    threads = [
        threading.Thread(target=poller.run, args=(stopping.wait,), name=poller.name, daemon=True) for poller in pollers
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join(_STOP_SECONDS)
