"""Documents in local files, as read by the command line."""

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
CONTENT_TYPES_HELP = f"{TEXT}, {CSV} or {RECORDIO}, overriding the file names."
_TEXTS_AT_A_TIME = 1024


class Documents:
    """Documents of a file, of all files below a folder (sorted by path), or of stdin."""

    def __init__(self, path: Path, content_type: str | None = None) -> None:
        """Find the files.

        Args:
            path: A file, a folder, or ``-`` for stdin.
            content_type: Content type of all files. By default it follows from their extensions; stdin is text.

        Raises:
            InputError: There is no file, or the files are not all of one supported type.
        """
        if path != STDIN and not path.exists():
            raise InputError(f"{path} does not exist. Pass a file or a folder of documents.")
        self._files = [path] if path == STDIN or not path.is_dir() else _files_below(path)
        if not self._files:
            raise InputError(f"{path} has no files. Pass a folder with .txt, .csv or .pbr files.")
        found = {content_type} if content_type else {_content_type(file) for file in self._files}
        if len(found) > 1:
            raise InputError(f"{path} has files of several types: {', '.join(sorted(found))}. Pass files of one type.")
        self.content_type = found.pop()
        if self.content_type not in (RECORDIO, CSV, TEXT):
            raise InputError(f"Content type {self.content_type!r} is unknown; allowed: {RECORDIO}, {CSV}, {TEXT}.")

    @property
    def is_text(self) -> bool:
        """True if the documents are text, one document per line."""
        return self.content_type == TEXT

    def texts(self) -> Iterator[str]:
        """Yield the lines of the files, decoded as UTF-8.

        Raises:
            InputError: A line is not UTF-8.
        """
        for file in self._files:
            with _open(file) as lines:
                for number, line in enumerate(lines, start=1):
                    try:
                        yield line.decode("utf-8-sig" if number == 1 else "utf-8")
                    except UnicodeDecodeError as error:
                        raise InputError(f"{file}, line {number}, is not UTF-8: {error.reason}.") from None

    def bags(self, feature_dim: int, reader: TextReader | None) -> Iterator[BagOfWords]:
        """Yield all documents in batches.

        Args:
            feature_dim: Size of the vocabulary.
            reader: Counts the words of text.

        Raises:
            InputError: A file cannot be read, or it is text and there is no reader.
        """
        if self.is_text:
            if reader is None:
                raise InputError(
                    "Text needs a vocabulary (vocab.txt) and a tokenizer (tokenizer.json); models trained on word "
                    "counts have no tokenizer. Pass word counts (.csv or .pbr), or a model trained on text."
                )
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
        raise InputError(
            f"{file} has none of the extensions {', '.join(_SUFFIXES)}. Rename it or pass --content-type: "
            f"{TEXT}, {CSV} or {RECORDIO}."
        ) from None


def _open(file: Path) -> BinaryIO:
    return sys.stdin.buffer if file == STDIN else file.open("rb")
