"""Corpora that can be iterated repeatedly: in memory if they fit, else on the local disk."""

import contextlib
import errno
import itertools
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from ntm.common.errors import InputError
from ntm.common.sagemaker import PIPE, RECORDIO, Channel
from ntm.data.bag_of_words import BagOfWords
from ntm.data.csv_rows import stream_csv
from ntm.data.recordio import stream_recordio

CSV = "text/csv"

_READERS: dict[str, Callable[[BinaryIO, int], Iterator[BagOfWords]]] = {RECORDIO: stream_recordio, CSV: stream_csv}

# A training job has up to three corpora, and the model needs memory too.
_MEMORY_PART = 0.25
_ENTRY_BYTES = 8  # the id and the count
# Reads from disk are pieces of 4 MB; documents are shuffled among 32 pieces, 128 MB.
_PIECE_ENTRIES = 512 * 1024
_WINDOW_PIECES = 32


class _Storage(Protocol):
    """Storage of documents, with their cheapest order of access."""

    def __len__(self) -> int: ...

    def windows(self, random: np.random.Generator | None) -> Iterator[BagOfWords]:
        """Yield all documents in parts that fit in memory; the parts are not shuffled internally."""


class Corpus:
    """Non-empty documents that can be iterated repeatedly.

    They are kept in memory if they fit, at 8 bytes per distinct word of each document; otherwise in anonymous files on
    the local disk, with one window in memory at a time.

    Attributes:
        feature_dim: Size of the vocabulary, V.
        dropped: Number of empty documents, which were skipped.
        word_counts: Number of occurrences of each word, float64 [V].
        document_frequencies: Number of documents that contain each word, int64 [V].
    """

    def __init__(self, parts: Iterable[BagOfWords], feature_dim: int, memory_bytes: int | None = None) -> None:
        """Read documents.

        Args:
            parts: Documents, possibly with empty ones; a part is not needed after the next one.
            feature_dim: Size of the vocabulary.
            memory_bytes: Memory limit of the documents; by default a quarter of the machine's or container's memory.

        Raises:
            InputError: The documents fit neither into that memory nor on the local disk.
        """
        self.feature_dim = feature_dim
        self.dropped = 0
        self.word_counts = np.zeros(feature_dim)
        self.document_frequencies = np.zeros(feature_dim, np.int64)
        budget = int(_MEMORY_PART * _memory()) if memory_bytes is None else memory_bytes
        self._storage = _store(map(self._count, parts), feature_dim, budget)

    @classmethod
    def of(cls, bag: BagOfWords) -> "Corpus":
        """Return an in-memory corpus of these documents."""
        return cls([bag], bag.feature_dim, memory_bytes=_ENTRY_BYTES * len(bag.words))

    def __len__(self) -> int:
        return len(self._storage)

    @property
    def in_memory(self) -> bool:
        """True if all documents are in memory."""
        return isinstance(self._storage, _Memory)

    def chunks(self, random: np.random.Generator | None = None, documents: int = 8192) -> Iterator[BagOfWords]:
        """Yield every document once, in chunks of at most ``documents``; in random order if ``random`` is given.

        In memory, all orders are equally likely. On disk, pieces of the corpus come in random order and documents are
        shuffled among the 32 pieces (128 MB) that are in memory together. The same state of ``random`` gives the same
        order.
        """
        for window in self._storage.windows(random):
            order = None if random is None else random.permutation(len(window))
            for start in range(0, len(window), documents):
                stop = min(start + documents, len(window))
                yield window.part(start, stop) if order is None else window.rows(order[start:stop])

    def _count(self, part: BagOfWords) -> BagOfWords:
        filled = part.non_empty()
        self.dropped += len(part) - len(filled)
        self.word_counts += np.bincount(filled.words, filled.counts, self.feature_dim)
        self.document_frequencies += np.bincount(filled.words, minlength=self.feature_dim)
        return filled


def read_channel(channel: Channel, feature_dim: int, memory_bytes: int | None = None) -> Corpus:
    """Read a channel into a corpus.

    Files are read in the order of their paths. A pipe, which concatenates the S3 objects, is read only once: a stored
    corpus can be shuffled, and iterating over it is cheaper than streaming and decoding again in each epoch.

    Args:
        channel: Channel of content type ``application/x-recordio-protobuf`` or ``text/csv``, optionally followed by
            ``;label_size=0``.
        feature_dim: Size of the vocabulary.
        memory_bytes: Memory limit; see ``Corpus``.

    Returns:
        The non-empty documents; none if all objects of a sharded channel went to other hosts.

    Raises:
        InputError: The channel has no file or another content type, or a file cannot be read. The message names the
            channel and the file.
    """
    media_type, _, options = channel.content_type.replace(" ", "").lower().partition(";")
    if media_type not in _READERS or options not in ("", "label_size=0"):
        raise InputError(
            f"Channel {channel.name} has content type {channel.content_type!r}; allowed: {', '.join(_READERS)} "
            "(set ContentType in the training job's InputDataConfig)."
        )
    if channel.wrapped and media_type != RECORDIO:
        raise InputError(
            f"Channel {channel.name} has RecordWrapperType RecordIO and content type {channel.content_type}: set "
            f"RecordWrapperType to None, or the content type to {RECORDIO} if each S3 object is one protobuf message."
        )
    return Corpus(_read_files(channel, _READERS[media_type], feature_dim), feature_dim, memory_bytes)


def _read_files(
    channel: Channel, read: Callable[[BinaryIO, int], Iterator[BagOfWords]], feature_dim: int
) -> Iterator[BagOfWords]:
    for path in _files(channel):
        try:
            with path.open("rb") as stream:
                yield from read(stream, feature_dim)
        except InputError as error:
            name = path.name if channel.mode == PIPE else path.relative_to(channel.path)
            raise InputError(f"Channel {channel.name}, file {name}: {error}") from None


def _files(channel: Channel) -> list[Path]:
    if channel.mode == PIPE:
        if not channel.path.exists():
            raise InputError(f"Channel {channel.name} is in Pipe mode, but the pipe {channel.path} does not exist.")
        return [channel.path]
    files = sorted(path for path in channel.path.rglob("*") if path.is_file())
    if not files and not channel.sharded:
        raise InputError(f"Channel {channel.name} has no files: its S3 prefix is empty or wrong.")
    return files


def _store(parts: Iterator[BagOfWords], feature_dim: int, memory_bytes: int) -> _Storage:
    """Keep parts in memory, or move all of them to disk if they exceed the limit."""
    # Untouched pages take no memory, so the full budget can be allocated once and nothing is ever copied.
    room = memory_bytes // _ENTRY_BYTES
    words, counts = np.empty(room, np.int32), np.empty(room, np.float32)
    sizes: list[NDArray[np.int64]] = []
    end = 0
    for part in parts:
        start, end = end, end + len(part.words)
        if end > room:
            kept = [BagOfWords(_offsets(sizes), words[:start], counts[:start], feature_dim), part]
            del words, counts, part
            return _Disk(itertools.chain(_emptied(kept), parts), feature_dim, memory_bytes)
        words[start:end], counts[start:end] = part.words, part.counts
        sizes.append(np.diff(part.offsets))
    return _Memory(BagOfWords(_offsets(sizes), words[:end], counts[:end], feature_dim))


def _emptied(parts: list[BagOfWords]) -> Iterator[BagOfWords]:
    """Yield the parts, releasing each."""
    while parts:
        yield parts.pop(0)


def _offsets(sizes: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.concatenate([np.zeros(0, np.int64), *sizes]))])


class _Memory:
    """Documents in memory, as a single window."""

    def __init__(self, documents: BagOfWords) -> None:
        self._documents = documents

    def __len__(self) -> int:
        return len(self._documents)

    def windows(self, random: np.random.Generator | None) -> Iterator[BagOfWords]:  # noqa: ARG002
        yield self._documents


class _Disk:
    """Documents in two anonymous files, which disappear with the last reference."""

    def __init__(self, parts: Iterable[BagOfWords], feature_dim: int, memory_bytes: int) -> None:
        self._feature_dim = feature_dim
        self._words, self._counts = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        weakref.finalize(self, _close, self._words, self._counts)
        sizes = []
        try:
            for part in parts:
                self._words.write(part.words.data)
                self._counts.write(part.counts.data)
                sizes.append(np.diff(part.offsets))
            self._words.flush()
            self._counts.flush()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise InputError(
                f"The documents fit neither into {memory_bytes:,} bytes of memory nor on the disk of "
                f"{tempfile.gettempdir()}: give the job a larger volume (VolumeSizeInGB) or instance."
            ) from None
        self._offsets = _offsets(sizes)
        # A piece ends after the last document that starts in it.
        entries = max(1, min(_PIECE_ENTRIES, memory_bytes // (2 * _ENTRY_BYTES * _WINDOW_PIECES)))
        begins = np.arange(0, self._offsets[-1] + entries, entries)
        self._pieces = np.unique(np.searchsorted(self._offsets, begins).clip(max=len(self)))

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def windows(self, random: np.random.Generator | None) -> Iterator[BagOfWords]:
        pieces = np.arange(len(self._pieces) - 1) if random is None else random.permutation(len(self._pieces) - 1)
        for start in range(0, len(pieces), _WINDOW_PIECES):
            yield self._read(pieces[start : start + _WINDOW_PIECES])

    def _read(self, pieces: NDArray[np.int64]) -> BagOfWords:
        """Return the documents of these pieces, concatenated."""
        bounds = self._pieces
        offsets = _offsets([np.diff(self._offsets[bounds[piece] : bounds[piece + 1] + 1]) for piece in pieces])
        words, counts = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.float32)
        at = 0
        for piece in pieces:
            start, stop = self._offsets[bounds[[piece, piece + 1]]].tolist()
            for file, target in ((self._words, words), (self._counts, counts)):
                os.preadv(file.fileno(), [target[at : at + stop - start].data], start * target.itemsize)
            at += stop - start
        return BagOfWords(offsets, words, counts, self._feature_dim)


def _close(*files: IO[bytes]) -> None:
    for file in files:
        with contextlib.suppress(OSError):  # Closing tries to flush to a full disk again.
            file.close()


def _memory() -> int:
    """Return the memory of the machine or, if lower, the limit of the container, in bytes."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            sizes.append(int(Path(path).read_text()))
        except (OSError, ValueError):  # The file does not exist, or says "max": no limit.
            continue
    return min(sizes)
