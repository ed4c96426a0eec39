"""Word counts of documents in compressed sparse row format."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ntm.common.errors import InputError


@dataclass(frozen=True)
class BagOfWords:
    """Word counts of D documents over a vocabulary of ``feature_dim`` words.

    Document d has the words ``words[offsets[d]:offsets[d + 1]]``, ascending and without duplicates, and the counts of
    the same slice, all positive and finite.

    Attributes:
        offsets: Start of each document's entries, int64 [D + 1].
        words: Word id of each entry, int32 [N].
        counts: Word count of each entry, float32 [N].
        feature_dim: Size of the vocabulary, V.
    """

    offsets: NDArray[np.int64]
    words: NDArray[np.int32]
    counts: NDArray[np.float32]
    feature_dim: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def documents(self) -> NDArray[np.int64]:
        """Document of each entry of ``words``, int64 [N]."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def lengths(self) -> NDArray[np.float64]:
        """Number of words (tokens) of each document, float64 [D]."""
        return np.bincount(self.documents, self.counts, minlength=len(self)).astype(np.float64)

    @property
    def frequencies(self) -> NDArray[np.float32]:
        """Relative frequency of each entry in its document, float32 [N]."""
        return (self.counts / self.lengths[self.documents]).astype(np.float32)

    def rows(self, index: NDArray[np.int64]) -> "BagOfWords":
        """Return the documents at ``index``, in that order."""
        sizes = np.diff(self.offsets)[index]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        entries = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][index] - offsets[:-1], sizes)
        return BagOfWords(offsets, self.words[entries], self.counts[entries], self.feature_dim)

    def part(self, start: int, stop: int) -> "BagOfWords":
        """Return documents ``start`` to ``stop - 1``; words and counts are not copied."""
        offsets = self.offsets[start : stop + 1]
        entries = slice(offsets[0], offsets[-1])
        return BagOfWords(offsets - offsets[0], self.words[entries], self.counts[entries], self.feature_dim)

    def non_empty(self) -> "BagOfWords":
        """Return the non-empty documents."""
        sizes = np.diff(self.offsets)
        # Empty documents have no entries in the other arrays.
        offsets = np.concatenate([[0], np.cumsum(sizes[sizes > 0])])
        return BagOfWords(offsets, self.words, self.counts, self.feature_dim)


def bag_of_words(
    documents: NDArray[np.int64],
    words: NDArray[np.int64],
    counts: NDArray[np.floating],
    shape: tuple[int, int],
    before: int = 0,
) -> BagOfWords:
    """Build a bag of words from entries in any order; zeros are dropped and duplicates added up.

    Args:
        documents: Document of each entry, int64 [N], below ``shape[0]``.
        words: Word id of each entry, int64 [N].
        counts: Word count of each entry, floats [N].
        shape: Number of documents and size of the vocabulary.
        before: Number of earlier documents in the same file, for messages.

    Raises:
        InputError: An id is outside the vocabulary, or a count is negative, infinite or not a number. The message
            names the first invalid document, counted from 1.
    """
    size, feature_dim = shape
    with np.errstate(over="ignore"):
        counts32 = counts.astype(np.float32)
    for wrong, sentence in (
        ((words < 0) | (words >= feature_dim), f"has word id {{word}}; allowed: 0 to {feature_dim - 1}"),
        (~np.isfinite(counts32) | (counts32 < 0), "has count {count} for word {word}; allowed: finite, not negative"),
    ):
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            sentence = sentence.format(word=words[at], count=counts[at])
            raise InputError(f"Document {before + documents[at] + 1} {sentence}.")
    if not (present := counts32 > 0).all():
        documents, words, counts32 = documents[present], words[present], counts32[present]
    cells = documents * feature_dim + words
    if not (np.diff(cells) > 0).all():
        cells, inverse = np.unique(cells, return_inverse=True)
        counts32 = np.bincount(inverse, counts32, minlength=len(cells)).astype(np.float32)
        documents, words = np.divmod(cells, feature_dim)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(documents, minlength=size))])
    return BagOfWords(offsets, words.astype(np.int32), counts32, feature_dim)


def concatenate(parts: Sequence[BagOfWords], feature_dim: int) -> BagOfWords:
    """Return the documents of all parts, in order."""
    sizes = [np.diff(part.offsets) for part in parts]
    offsets = np.concatenate([[0], np.cumsum(np.concatenate([np.zeros(0, np.int64), *sizes]))])
    words = np.concatenate([np.zeros(0, np.int32), *(part.words for part in parts)])
    counts = np.concatenate([np.zeros(0, np.float32), *(part.counts for part in parts)])
    return BagOfWords(offsets.astype(np.int64), words, counts, feature_dim)
