"""Texts and word order of the test documents, which the evaluation needs in addition to their bags of words."""

from array import array
from collections.abc import Iterable
from tempfile import SpooledTemporaryFile
from weakref import finalize

QUOTED_CHARACTERS = 600
"""Length of the excerpt of each text that is kept for quotation in the report."""

_MEMORY = 64 * 2**20


class HeldOut:
    """Excerpts and word numbers, in reading order, of the test documents; spooled to disk when they grow large.

    Documents have the same indices as in the test split's ``Documents``.
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
        """Return the excerpt of a document's text."""
        start, end = self._starts[document], self._text_ends[document]
        return self._read(start, end).decode()

    def numbers(self, document: int) -> "array[int]":
        """Return the word numbers of a document, in reading order."""
        start, end = self._text_ends[document], self._starts[document + 1]
        return array("I", self._read(start, end))

    def _read(self, start: int, end: int) -> bytes:
        self._file.seek(start)
        return self._file.read(end - start)
