"""How this command line was called, so that the commands in its messages can be pasted as they are."""

import os
import sys
from contextvars import ContextVar
from pathlib import Path

LOCAL_VARIABLE = "TOPICSMITH_LOCAL"

_local = ContextVar("local", default=False)


def remember(*, local: bool) -> None:
    """Note which cloud this command talks to: the local one, or AWS."""
    _local.set(local)


def with_local_option() -> bool:
    """Tell whether this command was told to talk to the local cloud."""
    return _local.get()


def command(arguments: str) -> str:
    """Return a shell command that runs ``arguments`` with this interpreter, against the same cloud.

    >>> command("models --env dev")  # doctest: +SKIP
    '.venv/bin/python -m topicsmith --local models --env dev'
    """
    executable = Path(sys.executable)
    python = str(executable.relative_to(Path.cwd())) if executable.is_relative_to(Path.cwd()) else "python"
    needs_option = with_local_option() and LOCAL_VARIABLE not in os.environ and not arguments.startswith("local ")
    return " ".join([python, "-m", "topicsmith", *(["--local"] if needs_option else []), arguments])
