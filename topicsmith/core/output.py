"""What the commands print: results to stdout, progress and errors to stderr."""

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from topicsmith.core.errors import OperatorError

_WIDTH_OF_A_PIPE = 110


def results() -> Console:
    """Return the console of what was asked for: stdout."""
    return _console(stderr=False)


def progress() -> Console:
    """Return the console of everything else: stderr."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDTH_OF_A_PIPE
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def print_json(value: object) -> None:
    """Write ``value`` to stdout as JSON; times become ISO 8601."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False, default=_encode)
    sys.stdout.write("\n")


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON: {value!r}")


def print_error(error: OperatorError) -> None:
    """Write to stderr what is wrong and what to do next."""
    console = progress()
    console.print(Text.assemble(("Error: ", "bold red"), error.message), soft_wrap=True)
    if error.next_step:
        console.print(Text(error.next_step), soft_wrap=True)


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """Return an empty table with a plain head; the columns in ``right`` are aligned to the right."""
    result = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        result.add_column(column, justify="right" if column in right else "left")
    return result


def duration(seconds: float | None) -> str:
    """Return ``seconds`` as a person says it.

    >>> duration(7.31), duration(80), duration(3725), duration(None)
    ('7.3 s', '1 min 20 s', '1 h 02 min', '')
    """
    if seconds is None:
        return ""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(value: datetime) -> str:
    """Return a time in the operator's zone, to the minute."""
    return value.astimezone().strftime("%Y-%m-%d %H:%M")


def printable(text: str) -> str:
    """Return ``text`` on one line, without the control characters that a terminal would obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shorten(text: str, width: int) -> str:
    """Return ``text`` on one line of at most ``width`` characters, with an ellipsis where it was cut."""
    line = printable(text)
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"
