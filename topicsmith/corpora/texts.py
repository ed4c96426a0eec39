"""Texts to ask about: from a file, from lines, or given as such."""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from topicsmith.core.errors import OperatorError
from topicsmith.corpora import corpus

LINES = (".txt", ".txt.gz")
FORMATS = (*LINES, *corpus.FORMATS)


@dataclass(frozen=True)
class Text:
    """A text.

    Attributes:
        id: what names it among the others: its number, or what a column holds.
    """

    id: str
    text: str


def numbered(texts: Iterable[str]) -> Iterator[Text]:
    """Yield what is not empty among the texts, named by its number from 1."""
    for number, text in enumerate(texts, 1):
        # An argument that is not UTF-8 holds what no request can encode.
        if found := text.strip().encode(errors="replace").decode():
            yield Text(str(number), found)


def read(path: Path, text_columns: Sequence[str], id_column: str | None) -> Iterator[Text]:
    """Yield the texts in a file: the lines of a .txt, or the rows of a corpus.

    Args:
        path: the file.
        text_columns: the columns of a corpus that make up a text.
        id_column: the column that names a text; None for the number of its row or line, from 1.

    Raises:
        OperatorError: the file cannot be read, or has no such columns.
    """
    if path.name.lower().endswith(LINES):
        yield from numbered(_lines(path))
        return
    if not path.name.lower().endswith(FORMATS):
        raise OperatorError(f"{path} cannot be read as texts: its name must end in {', '.join(FORMATS)}.")
    corpus.check(path, text_columns, id_column)
    for name, text in corpus.identified(path, text_columns, id_column):
        yield Text(name, text)


def _lines(path: Path) -> Iterator[str]:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", errors="replace") as lines:
            yield from lines
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OperatorError(f"{path} is not a whole gzip file: {error}.") from error
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror or error}.") from error
