"""Documents as a step of training takes them: on the device, sorted both ways."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ntm.bag_of_words import BagOfWords, concatenate

# Sorting numbers of 16 bits is five times as fast: numpy counts them.
_SMALL = 2**16


@dataclass(frozen=True)
class Batch:
    """Word counts of D documents, none of them empty; their N entries are in the order of the documents.

    Attributes:
        corpus: the documents, on the CPU.
        offsets: where each document's entries begin, int64 [D + 1].
        documents: each entry's document, int64 [N].
        words: each entry's word, int64 [N].
        counts: float32 [N].
        lengths: each document's number of words (tokens), float32 [D].
        by_word: the entries in the order of words, int64 [N].
        word_offsets: where each word's entries begin in that order, int64 [V + 1].
    """

    corpus: BagOfWords
    offsets: Tensor
    documents: Tensor
    words: Tensor
    counts: Tensor
    lengths: Tensor
    by_word: Tensor
    word_offsets: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    @classmethod
    def of(cls, corpus: BagOfWords, device: torch.device) -> "Batch":
        """Copy documents to the device."""
        words = corpus.words.astype(np.uint16) if corpus.feature_dim <= _SMALL else corpus.words
        documents = corpus.documents
        occurrences = np.bincount(corpus.words, minlength=corpus.feature_dim)
        with np.errstate(over="ignore"):
            lengths = np.bincount(documents, corpus.counts, minlength=len(corpus)).astype(np.float32)
        arrays = (
            corpus.offsets,
            documents,
            corpus.words.astype(np.int64),
            corpus.counts,
            lengths,
            np.argsort(words, kind="stable"),
            np.concatenate([[0], np.cumsum(occurrences)]),
        )
        # Counts may be a view of what cannot be written to, such as a file; nothing here writes to them.
        tensors = [torch.from_numpy(np.require(array, requirements="W")).to(device) for array in arrays]
        return cls(corpus, *tensors)

    def entries(self, start: int, stop: int) -> tuple[int, int]:
        """Return where the entries of the documents from ``start`` to before ``stop`` begin and end."""
        return int(self.corpus.offsets[start]), int(self.corpus.offsets[stop])


def even_sizes(documents: int, batches: int) -> list[int]:
    """Return the sizes of so many batches of nearly equal size: no small rest."""
    edges: list[int] = np.linspace(0, documents, batches + 1).astype(int).tolist()
    return [stop - start for start, stop in itertools.pairwise(edges)]


def split(chunks: Iterable[BagOfWords], sizes: Sequence[int], feature_dim: int) -> Iterator[BagOfWords]:
    """Yield documents in batches of the given sizes, from chunks of any size that hold at least as many."""
    remaining = iter(chunks)
    chunk, start = concatenate([], feature_dim), 0
    for size in sizes:
        while len(chunk) - start < size:
            chunk, start = concatenate([chunk.part(start, len(chunk)), next(remaining)], feature_dim), 0
        yield chunk.part(start, start + size)
        start += size
