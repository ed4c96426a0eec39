"""Held-out documents, as written by preprocessing."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ntm.common.errors import InputError
from ntm.data.bag_of_words import BagOfWords, bag_of_words

Half = Literal["all", "observed"]
"""Whole documents, or their observed half: every second word from the first; the other words are predicted."""


@dataclass(frozen=True)
class HeldOut:
    """D held-out documents.

    Attributes:
        ids: Document ids.
        texts: Beginnings of the documents' texts.
        words: Word ids of all documents in reading order, concatenated, int64 [N].
        offsets: Start of each document in ``words``, int64 [D + 1].
        feature_dim: Size of the vocabulary.
    """

    ids: Sequence[str]
    texts: Sequence[str]
    words: NDArray[np.int64]
    offsets: NDArray[np.int64]
    feature_dim: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of words of each document, int64 [D]."""
        return np.diff(self.offsets)

    @property
    def documents(self) -> NDArray[np.int64]:
        """Document of each word, int64 [N]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def _observed(self) -> NDArray[np.bool_]:
        places: NDArray[np.int64] = np.arange(len(self.words)) - self.offsets[self.documents]
        return np.equal(places % 2, 0)

    def bags(self, half: Half) -> BagOfWords:
        """Return the bags of words of whole documents or of their observed halves."""
        chosen = self._observed if half == "observed" else np.ones(len(self.words), np.bool_)
        words = self.words[chosen]
        return bag_of_words(self.documents[chosen], words, np.ones(len(words)), (len(self), self.feature_dim))

    def scored(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the documents and ids of the words to predict: those outside the observed half."""
        chosen = ~self._observed
        return self.documents[chosen], self.words[chosen]

    @classmethod
    def of(cls, documents: Iterable[tuple[str, str, Sequence[int]]], feature_dim: int) -> "HeldOut":
        """Build held-out documents from ids, texts and word ids in reading order."""
        ids, texts, words = [], [], []
        for uid, text, numbers in documents:
            ids.append(uid)
            texts.append(text)
            words.append(np.asarray(numbers, np.int64))
        offsets = np.concatenate([[0], np.cumsum([len(numbers) for numbers in words], dtype=np.int64)])
        return cls(ids, texts, np.concatenate([np.zeros(0, np.int64), *words]), offsets, feature_dim)


def read_held_out(directory: Path, feature_dim: int) -> HeldOut:
    """Read the JSON Lines files of a directory in alphabetical order.

    Raises:
        InputError: There is no document, or a line is malformed.
    """
    found = HeldOut.of(_documents(directory, feature_dim), feature_dim)
    if not len(found):
        raise InputError(f"{directory} has no documents: the test split is empty or its S3 prefix is wrong.")
    return found


def _documents(directory: Path, feature_dim: int) -> Iterable[tuple[str, str, list[int]]]:
    for path, number, line in read_lines(directory):
        match line:
            case {"id": str(uid), "text": str(text), "words": list(words)} if all(
                type(word) is int and 0 <= word < feature_dim for word in words
            ):
                yield uid, text, words
            case _:
                raise InputError(
                    f"{path.name}, line {number}, is not a held-out document; expected an object with id, text and "
                    f"words, integers from 0 to {feature_dim - 1}."
                )


def read_lines(directory: Path) -> Iterable[tuple[Path, int, object]]:
    """Yield the file, the line number (from 1) and the value of each line of the JSON Lines files in a directory.

    Raises:
        InputError: A line is not JSON.
    """
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield path, number, json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise InputError(f"{path.name}, line {number}, is not JSON: {error}.") from None
