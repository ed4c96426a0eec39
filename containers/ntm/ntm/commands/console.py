"""Consoles of the command line."""

from typing import TextIO

from rich.console import Console

_WIDTH_OF_A_PIPE = 110


def console_of(stream: TextIO) -> Console:
    """Return a console that writes to a stream and prints text verbatim."""
    width = None if stream.isatty() else _WIDTH_OF_A_PIPE
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)
