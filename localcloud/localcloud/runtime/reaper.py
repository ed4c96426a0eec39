"""Terminate the local cloud's process groups once the local cloud is gone, even if it was killed.

A separate program. It reads one line per process group from standard input: ``+<id>`` when one starts, ``-<id>`` when
one ends. When the input closes because the writer has exited, it terminates the remaining groups.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

_GRACE_SECONDS = 5.0


def main() -> None:
    """Read standard input to its end, then terminate the remaining process groups."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    groups: set[int] = set()
    for line in filter(str.strip, sys.stdin):
        change = groups.add if line[0] == "+" else groups.discard
        change(int(line[1:]))
    _signal(groups, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline and any(_lives(group) for group in groups):
        time.sleep(0.1)
    _signal(groups, signal.SIGKILL)


def _signal(groups: Iterable[int], number: signal.Signals) -> None:
    for group in groups:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            continue


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
