"""Check for threads and processes that tests leave behind.

A new thread or child process that exists after a test fails the test. If a fixture of a wider scope started it, it is
checked at the end of that scope. The check waits for threads and processes that are about to end.
"""

import os
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

# Only limits a hang; threads and processes that are about to end take less.
_PATIENCE_SECONDS = 60.0
_SCOPES = ("session", "package", "module", "class", "function")

# Kept by libraries until the process exits: the CDK's JavaScript kernel, started on first use, and multiprocessing's
# tracker, started by the first lock.
_PROCESSES_OF_LIBRARIES = ("jsii-runtime", "multiprocessing.resource_tracker")
_THREADS_OF_LIBRARIES = ("execnet", "asyncio_", "tqdm")

Left = threading.Thread | int
"""A thread, or the id of a child process."""

_owned: dict[str, set[Left]] = {scope: set() for scope in _SCOPES}
_reported: set[Left] = set()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
    """Assign threads and processes started by a fixture to its scope."""
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
    """Return the name of a thread or process that neither ends by the deadline nor belongs to a library."""
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
        # Its starter collects it; a zombie does no harm.
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
    """Return the ids of this process's children; Linux takes microseconds, psutil milliseconds."""
    found: set[Left] = set()
    try:
        for file in Path("/proc/self/task").glob("*/children"):
            found.update(map(int, file.read_text().split()))
    except OSError:
        return {child.pid for child in psutil.Process().children()}
    return found
