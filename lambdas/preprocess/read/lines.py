"""Line reader for byte streams of any size, in bounded memory."""

from collections.abc import Iterator
from typing import Protocol

MAX_ROW = 2**20
"""Maximum length of a row, in characters: about a long novel."""

_BLOCK = 2**20


class ByteStream(Protocol):
    """Readable file, such as boto3's ``StreamingBody`` or ``gzip.GzipFile``."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, or none at the end of the stream."""


def read_lines(stream: ByteStream) -> Iterator[str]:
    r"""Yield the lines of UTF-8 text with their endings (LF, CRLF or CR), without a byte order mark.

    An invalid byte becomes a lone surrogate (``surrogateescape``) and spoils only its own line. A line longer than
    ``MAX_ROW`` is truncated, but stays longer than ``MAX_ROW`` so that the caller can reject it.
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
