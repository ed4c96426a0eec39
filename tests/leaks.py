"""A check that no test leaves a thread or a process behind.

A thread or child process that exists after a test, and did not before it, fails the test. One that a fixture of a wider
scope starts belongs to that scope, and is checked when the scope ends. Those that are ending get the time they need.
"""

import os
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

# Ends a hang; a thread or process that is about to end is waited for as long as it takes.
_PATIENCE_SECONDS = 60.0
_SCOPES = ("session", "package", "module", "class", "function")

# Libraries keep these for as long as the process lives: the CDK its JavaScript kernel, started by the first use, and
# multiprocessing its tracker, started by the first lock.
_PROCESSES_OF_LIBRARIES = ("jsii-runtime", "multiprocessing.resource_tracker")
_THREADS_OF_LIBRARIES = ("execnet", "asyncio_", "tqdm")

Left = threading.Thread | int
"""A thread, or the id of a child process."""

_owned: dict[str, set[Left]] = {scope: set() for scope in _SCOPES}
_reported: set[Left] = set()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
    """Note what fixtures start: it belongs to their scope."""
    before = _alive()
    result = yield
    _owned[fixturedef.scope] |= _alive() - before
    return result


@pytest.fixture(autouse=True, scope="session")
def _nothing_outlives_the_session() -> Iterator[None]:
    yield from _check("session")


@pytest.fixture(autouse=True, scope="module")
def _nothing_outlives_the_module() -> Iterator[None]:
    yield from _check("module")


@pytest.fixture(autouse=True)
def _nothing_outlives_the_test() -> Iterator[None]:
    yield from _check("function")


def _check(scope: str) -> Iterator[None]:
    before = _alive()
    yield
    wider = _SCOPES[: _SCOPES.index(scope)]
    left = _alive() - before - _reported - set().union(*(_owned[name] for name in wider))
    _owned[scope].clear()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    names = sorted(filter(None, (_name_if_it_stays(one, deadline) for one in left)))
    _reported.update(left)
    if names:
        pytest.fail(f"left behind at the end of the {scope}: {'; '.join(names)}", pytrace=False)


def _name_if_it_stays(left: Left, deadline: float) -> str | None:
    """Return the name of a thread or process that does not end by the deadline, or that belongs to no library."""
    if isinstance(left, threading.Thread):
        if left.name.startswith(_THREADS_OF_LIBRARIES):
            return None
        left.join(max(0.0, deadline - time.monotonic()))
        return f"thread {left.name!r}" if left.is_alive() else None
    try:
        process = psutil.Process(left)
        command = " ".join(process.cmdline())
        if process.ppid() != os.getpid() or any(name in command for name in _PROCESSES_OF_LIBRARIES):
            return None
        # Whoever started it collects it; one that has ended and was not collected does no harm.
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return f"process {left} ({command[:200]})"
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        pass
    return None


def _alive() -> set[Left]:
    threads = {thread for thread in threading.enumerate() if thread is not threading.main_thread()}
    return threads | _children()


def _children() -> set[Left]:
    """Return the ids of this process's children; asking Linux takes microseconds, asking psutil milliseconds."""
    found: set[Left] = set()
    try:
        for file in Path("/proc/self/task").glob("*/children"):
            found.update(map(int, file.read_text().split()))
    except OSError:
        return {child.pid for child in psutil.Process().children()}
    return found
