"""Output of the commands: results to stdout, progress and errors to stderr."""

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import rich.table
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.text import Text

from topicsmith.core.errors import OperatorError

_WIDTH_OF_A_PIPE = 160
_GAP = 2
_NARROWEST_WRAPPED_COLUMN = 24


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the program handle a closed pipe."""
        raise BrokenPipeError


class Table:
    """Table without borders. If it is too wide for the terminal, each row becomes a block with one line per cell.

    Args:
        columns: Column headings.
        right: Right-aligned columns.
        wrapped: Columns whose cells may wrap.
    """

    def __init__(self, columns: Sequence[str], right: Sequence[str] = (), wrapped: Sequence[str] = ()) -> None:
        self._columns = columns
        self._right = right
        self._wrapped = wrapped
        self._rows: list[list[Text]] = []

    def add_row(self, *cells: str | Text) -> None:
        """Append a row; missing trailing cells are left empty."""
        missing = [""] * (len(self._columns) - len(cells))
        self._rows.append([Text(cell) if isinstance(cell, str) else cell for cell in (*cells, *missing)])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table, or its rows as blocks if the table does not fit."""
        yield self._table() if self._width() <= options.max_width else self._blocks()

    def _width(self) -> int:
        """Return the minimum width of the table."""
        widths = [
            _NARROWEST_WRAPPED_COLUMN
            if name in self._wrapped
            else max(cell_len(name), *(row[index].cell_len for row in self._rows), 0)
            for index, name in enumerate(self._columns)
        ]
        return sum(widths) + _GAP * (len(widths) - 1)

    def _table(self) -> rich.table.Table:
        table = rich.table.Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
        for name in self._columns:
            table.add_column(
                name,
                justify="right" if name in self._right else "left",
                no_wrap=name not in self._wrapped,
                overflow="fold",
            )
        for row in self._rows:
            table.add_row(*row)
        return table

    def _blocks(self) -> Group:
        blocks: list[Any] = []
        for row in self._rows:
            block = rich.table.Table.grid(padding=(0, _GAP, 0, 0))
            block.add_column(style="bold", no_wrap=True)
            block.add_column(overflow="fold")
            for name, cell in zip(self._columns, row, strict=True):
                if cell.plain:
                    block.add_row(name, cell)
            blocks += ["", block] if blocks else [block]
        return Group(*blocks)


def results() -> Console:
    """Return the console for results, on stdout."""
    return _console(stderr=False)


def progress() -> Console:
    """Return the console for progress and errors, on stderr."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDTH_OF_A_PIPE
    return _Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def print_json(value: object) -> None:
    """Write ``value`` to stdout as JSON, with times in ISO 8601."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False, default=_encode)
    sys.stdout.write("\n")


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON: {value!r}")


def print_error(error: OperatorError) -> None:
    """Write an error and its next step to stderr."""
    console = progress()
    console.print(Text.assemble(("Error: ", "bold red"), error.message), soft_wrap=True)
    if error.next_step:
        console.print(Text(error.next_step), soft_wrap=True)


def table(*columns: str, right: Sequence[str] = (), wrapped: Sequence[str] = ()) -> Table:
    """Return an empty table; see ``Table``."""
    return Table(columns, right, wrapped)


def duration(seconds: float | None) -> str:
    """Return a human-readable duration.

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
    """Return a time in the local time zone, to the minute."""
    return value.astimezone().strftime("%Y-%m-%d %H:%M")


def printable(text: str) -> str:
    """Return ``text`` on one line, without control characters that a terminal would interpret."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shorten(text: str, width: int) -> str:
    """Return ``text`` on one line of at most ``width`` characters, with an ellipsis if it was truncated."""
    line = printable(text)
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"
