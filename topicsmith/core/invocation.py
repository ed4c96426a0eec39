"""How this command line was called, so that the commands in its messages can be pasted as they are."""

import os
from contextvars import ContextVar

LOCAL_VARIABLE = "TOPICSMITH_LOCAL"

_local = ContextVar("local", default=False)


def remember(*, local: bool) -> None:
    """Note which cloud this command talks to: the local one, or AWS."""
    _local.set(local)


def with_local_option() -> bool:
    """Tell whether this command was told to talk to the local cloud."""
    return _local.get()


def command(arguments: str) -> str:
    """Return a shell command that runs ``arguments`` against the same cloud.

    >>> command("models --env dev")
    'topicsmith models --env dev'
    """
    needs_option = with_local_option() and LOCAL_VARIABLE not in os.environ and not arguments.startswith("local ")
    return " ".join(["topicsmith", *(["--local"] if needs_option else []), arguments])
