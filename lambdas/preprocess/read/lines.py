"""Lines of a byte stream of any size, in bounded memory."""

from collections.abc import Iterator
from typing import Protocol

MAX_ROW = 2**20
"""The longest row that is read, in characters: about the length of a long novel."""

_BLOCK = 2**20


class ByteStream(Protocol):
    """What is needed of a file: boto3's ``StreamingBody`` and ``gzip.GzipFile`` have it."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, none at the end."""


def read_lines(stream: ByteStream) -> Iterator[str]:
    r"""Yield the lines of UTF-8 text with their endings (LF, CRLF or CR), without a byte order mark.

    A byte that is not UTF-8 becomes a lone surrogate (``surrogateescape``), so that it spoils its own line only. Of a
    line that is longer than ``MAX_ROW`` a part is yielded that is longer than ``MAX_ROW``, too: enough to refuse it.
    """
    rest = stream.read(_BLOCK).removeprefix(b"\xef\xbb\xbf")
    # A character has at most four bytes.
    longest = 4 * (MAX_ROW + 1)
    while block := stream.read(_BLOCK):
        lines = (rest + block).splitlines(keepends=True)
        # A CR at the end of a block may be half of a CRLF.
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()[:longest]
        for line in lines:
            yield line.decode("utf-8", "surrogateescape")
    for line in rest.splitlines(keepends=True):
        yield line.decode("utf-8", "surrogateescape")
