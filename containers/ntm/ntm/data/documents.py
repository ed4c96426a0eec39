"""Documents in files of the user's own, as opposed to a training job's channels."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ntm.common.errors import InputError
from ntm.data.bag_of_words import BagOfWords
from ntm.data.csv_rows import stream_csv
from ntm.data.recordio import stream_recordio
from ntm.data.text import TextReader

RECORDIO, CSV, TEXT = "application/x-recordio-protobuf", "text/csv", "text/plain"
_SUFFIXES = {".pbr": RECORDIO, ".recordio": RECORDIO, ".rec": RECORDIO, ".csv": CSV, ".txt": TEXT}
_READERS = {RECORDIO: stream_recordio, CSV: stream_csv}
STDIN = Path("-")
CONTENT_TYPES_HELP = f"{TEXT}, {CSV} or {RECORDIO}, whatever the files' names."
_TEXTS_AT_A_TIME = 1024


class Documents:
    """The documents of a file, of all files in a folder in the order of their paths, or of stdin."""

    def __init__(self, path: Path, content_type: str | None = None) -> None:
        """Find the files.

        Args:
            path: a file, a folder, or ``-`` for stdin.
            content_type: of all files; without it, by their names' endings, and text if it is stdin.

        Raises:
            InputError: there is no file, or they are not all of one type that is read.
        """
        self._files = [path] if path == STDIN or not path.is_dir() else _files_below(path)
        if not self._files:
            raise InputError(f"{path} has no file.")
        found = {content_type} if content_type else {_content_type(file) for file in self._files}
        if len(found) > 1:
            raise InputError(f"{path} has files of several types: {', '.join(sorted(found))}; name one content type.")
        self.content_type = found.pop()
        if self.content_type not in (RECORDIO, CSV, TEXT):
            raise InputError(f"Content type {self.content_type!r} is not read; allowed: {RECORDIO}, {CSV}, {TEXT}.")

    @property
    def is_text(self) -> bool:
        """Whether the documents are texts, a document a line."""
        return self.content_type == TEXT

    def texts(self) -> Iterator[str]:
        """Yield the lines of the files, which are in UTF-8.

        Raises:
            InputError: a line is not UTF-8.
        """
        for file in self._files:
            with _open(file) as lines:
                for number, line in enumerate(lines, start=1):
                    try:
                        yield line.decode("utf-8-sig" if number == 1 else "utf-8")
                    except UnicodeDecodeError as error:
                        raise InputError(f"{file}, line {number}, is not UTF-8: {error.reason}.") from None

    def bags(self, feature_dim: int, reader: TextReader | None) -> Iterator[BagOfWords]:
        """Yield all documents, some at a time.

        Args:
            feature_dim: size of the vocabulary.
            reader: what counts the words of texts.

        Raises:
            InputError: a file cannot be read, or it holds texts and there is no reader.
        """
        if self.is_text:
            if reader is None:
                raise InputError("Texts need a vocabulary (vocab.txt) and a tokenizer (tokenizer.json).")
            texts = self.texts()
            while part := list(itertools.islice(texts, _TEXTS_AT_A_TIME)):
                yield reader.read(part)
            return
        for file in self._files:
            try:
                with _open(file) as stream:
                    yield from _READERS[self.content_type](stream, feature_dim)
            except InputError as error:
                raise InputError(f"{file}: {error}") from None


def _files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_")))


def _content_type(file: Path) -> str:
    if file == STDIN:
        return TEXT
    try:
        return _SUFFIXES[file.suffix.lower()]
    except KeyError:
        raise InputError(f"{file} has none of the endings {', '.join(_SUFFIXES)}; name its content type.") from None


def _open(file: Path) -> BinaryIO:
    return sys.stdin.buffer if file == STDIN else file.open("rb")
