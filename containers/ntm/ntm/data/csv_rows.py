"""Reader of dense word counts in CSV: one document per line, ``feature_dim`` numbers per line, no header.

Nearly all counts are 0. Zeros are recognised as a single byte; only other fields are parsed.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ntm.common.errors import InputError
from ntm.data.bag_of_words import BagOfWords, bag_of_words, concatenate

BLOCK_BYTES = 4 * 1024 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_csv(content: bytes, feature_dim: int) -> BagOfWords:
    """Read the documents of a CSV file in memory; see ``stream_csv``."""
    return concatenate(list(stream_csv(io.BytesIO(content), feature_dim)), feature_dim)


def stream_csv(stream: BinaryIO, feature_dim: int, block_bytes: int = BLOCK_BYTES) -> Iterator[BagOfWords]:
    """Read documents from CSV, block by block; blank lines and spaces around numbers are ignored.

    Args:
        stream: File or pipe of any length; an empty one yields no documents.
        feature_dim: Size of the vocabulary.
        block_bytes: Read size; memory is a small multiple of it or of the longest line.

    Raises:
        InputError: The content is not UTF-8, a field is not a number, a line does not have ``feature_dim`` fields, or
            a number is not a word count.
    """
    at, lines, documents = 0, 0, 0
    for content in _whole_lines(stream, block_bytes):
        _check_utf8(content, at)
        text = (content.removeprefix(_BYTE_ORDER_MARK) if at == 0 else content).replace(b"\r\n", b"\n")
        part = _decode(text, feature_dim, lines, documents)
        at, lines, documents = at + len(content), lines + content.count(b"\n"), documents + len(part)
        yield part


def _whole_lines(stream: BinaryIO, block_bytes: int) -> Iterator[bytes]:
    """Yield the stream in blocks of whole lines."""
    pieces: list[bytes] = []
    while block := stream.read(block_bytes):
        head, newline, rest = block.rpartition(b"\n")
        if newline:
            yield b"".join([*pieces, head, newline])
            pieces = []
        pieces.append(rest)
    if last := b"".join(pieces):
        yield last + b"\n"


def _check_utf8(content: bytes, before: int) -> None:
    if content.isascii():
        return
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"The CSV is not UTF-8: {error.reason} at byte {before + error.start}.") from None


def _decode(content: bytes, feature_dim: int, lines_before: int, documents_before: int) -> BagOfWords:
    data = np.frombuffer(content, np.uint8)
    is_newline = data == ord("\n")
    ends = np.flatnonzero(is_newline | (data == ord(",")))
    sizes = np.diff(ends, prepend=-1) - 1
    last = np.flatnonzero(is_newline[ends])  # the last field of each line
    fields = np.diff(last, prepend=-1)
    blank = (fields == 1) & (sizes[last] == 0)
    for alone in np.flatnonzero((fields == 1) & ~blank):
        end = ends[last[alone]]
        blank[alone] = not content[end - sizes[last[alone]] : end].strip()
    if (wrong := ~blank & (fields != feature_dim)).any():
        line = int(np.argmax(wrong))
        raise InputError(f"Line {lines_before + line + 1} has {fields[line]} fields, but feature_dim is {feature_dim}.")
    zero = (sizes == 1) & (data[ends - 1] == ord("0"))
    zero[last[blank]] = True
    others = np.flatnonzero(~zero)
    lines = np.searchsorted(last, others)
    texts = [content[end - size : end] for end, size in zip(ends[others].tolist(), sizes[others].tolist(), strict=True)]
    if (counts := _numbers(texts)) is None:
        at = next(at for at, text in enumerate(texts) if _numbers([text]) is None)
        raise InputError(
            f"The CSV has a field that is not a number: {texts[at].decode()[:50]!r} in line "
            f"{lines_before + lines[at] + 1}. CSV files must contain word counts and no header."
        )
    documents = (np.cumsum(~blank) - 1)[lines]
    words = others - (last - fields + 1)[lines]
    return bag_of_words(documents, words, counts, (int((~blank).sum()), feature_dim), documents_before)


def _numbers(texts: list[bytes]) -> NDArray[np.float64] | None:
    """Parse numbers; return None if a text is not a number."""
    if not texts:
        return np.zeros(0)
    if not all(texts):
        return None
    try:
        numbers = np.loadtxt(io.BytesIO(b"\n".join(texts)), delimiter=",", comments=None, ndmin=1)
    except ValueError:
        return None
    # loadtxt takes a carriage return within a field for the end of a line.
    return numbers if len(numbers) == len(texts) else None
