"""Choice between AWS and the local cloud, and the ``topicsmith`` commands that messages suggest."""

import os
from contextvars import ContextVar

LOCAL_VARIABLE = "TOPICSMITH_LOCAL"

_local = ContextVar("local", default=False)


def remember(*, local: bool) -> None:
    """Record whether this command uses the local cloud."""
    _local.set(local)


def with_local_option() -> bool:
    """Return whether this command uses the local cloud."""
    return _local.get()


def command(arguments: str) -> str:
    """Return a shell command that runs ``arguments`` against the same cloud.

    >>> command("models --env dev")
    'topicsmith models --env dev'
    """
    needs_option = with_local_option() and LOCAL_VARIABLE not in os.environ and not arguments.startswith("local ")
    return " ".join(["topicsmith", *(["--local"] if needs_option else []), arguments])
