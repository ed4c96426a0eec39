"""Texts for inference: from a file, from lines, or from arguments."""

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
    """Text with an ID.

    Attributes:
        id: Number of the text, or the value of the id column.
        text: Content of the text.
    """

    id: str
    text: str


def numbered(texts: Iterable[str]) -> Iterator[Text]:
    """Yield the texts that are not empty, with their numbers from 1 as ids."""
    for number, text in enumerate(texts, 1):
        # An argument that is not UTF-8 contains surrogates, which a request cannot encode.
        if found := text.strip().encode(errors="replace").decode():
            yield Text(str(number), found)


def read(path: Path, text_columns: Sequence[str], id_column: str | None) -> Iterator[Text]:
    """Yield the texts in a file: the lines of a .txt, or the rows of a corpus.

    Args:
        path: Path of the file.
        text_columns: Columns with the text.
        id_column: Column with the ID; None for the row or line number, from 1.

    Raises:
        OperatorError: The file is unreadable, or lacks a column.
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
        raise OperatorError(f"{path} is not a complete gzip file: {error}.") from error
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror or error}.") from error
