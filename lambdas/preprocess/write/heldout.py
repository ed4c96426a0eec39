"""What the evaluation wants to know of the test documents beside their bags: how they read."""

from array import array
from collections.abc import Iterable
from tempfile import SpooledTemporaryFile
from weakref import finalize

QUOTED_CHARACTERS = 600
"""So much of a text is kept, to be quoted in a report."""

_MEMORY = 64 * 2**20


class HeldOut:
    """Beginnings of texts, and the numbers of the texts' words in reading order; on the disk once they are many.

    Its documents have the same places as those of the test split's ``Documents``.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(_MEMORY)  # noqa: SIM115
        finalize(self, self._file.close)
        self._starts = array("Q", [0])
        self._text_ends = array("Q")

    def append(self, text: str, numbers: Iterable[int]) -> None:
        """Add a document."""
        self._file.write(text[:QUOTED_CHARACTERS].encode())
        self._text_ends.append(self._file.tell())
        self._file.write(array("I", numbers).tobytes())
        self._starts.append(self._file.tell())

    def text(self, document: int) -> str:
        """Return the beginning of a document's text."""
        start, end = self._starts[document], self._text_ends[document]
        return self._read(start, end).decode()

    def numbers(self, document: int) -> "array[int]":
        """Return the numbers of a document's words, in reading order."""
        start, end = self._text_ends[document], self._starts[document + 1]
        return array("I", self._read(start, end))

    def _read(self, start: int, end: int) -> bytes:
        self._file.seek(start)
        return self._file.read(end - start)
