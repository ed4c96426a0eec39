"""Mini-batches on the device, sorted by document and by word."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ntm.data.bag_of_words import BagOfWords, concatenate

# numpy sorts 16-bit integers with a radix sort, which is five times as fast.
_SMALL = 2**16


@dataclass(frozen=True)
class Batch:
    """Word counts of D non-empty documents, as N entries ordered by document.

    Attributes:
        bounds: Start of each document's entries, on the CPU, int64 [D + 1].
        offsets: The same on the device, like all the following.
        documents: Document of each entry, int64 [N].
        words: Word id of each entry, int64 [N].
        counts: Word count of each entry, float32 [N].
        lengths: Number of words (tokens) of each document, float32 [D].
        by_word: Indices of the entries sorted by word, int64 [N].
        word_offsets: Start of each word's entries in ``by_word``, int64 [V + 1].
    """

    bounds: NDArray[np.int64]
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
    def of(cls, documents: BagOfWords, device: torch.device) -> "Batch":
        """Copy documents to the device as a single batch."""
        return next(_cut(documents, [0, len(documents)], device))

    def entries(self, start: int, stop: int) -> tuple[int, int]:
        """Return the range of the entries of documents ``start`` to ``stop - 1``."""
        return int(self.bounds[start]), int(self.bounds[stop])


def even_sizes(documents: int, batches: int) -> list[int]:
    """Return the sizes of batches that split the documents evenly, without a small last batch."""
    edges: list[int] = np.linspace(0, documents, batches + 1).astype(int).tolist()
    return [stop - start for start, stop in itertools.pairwise(edges)]


def batches(
    chunks: Iterable[BagOfWords], sizes: Sequence[int], feature_dim: int, device: torch.device
) -> Iterator[Batch]:
    """Yield documents in batches of the given sizes.

    As much work as possible is done once per chunk instead of once per batch.

    Args:
        chunks: At least as many documents as the batches need, in chunks of any size.
        sizes: Sizes of the batches.
        feature_dim: Size of the vocabulary.
        device: Device of the batches.
    """
    ends, done, rest = np.cumsum(sizes), 0, concatenate([], feature_dim)
    for chunk in itertools.chain(chunks, [rest]):
        documents = concatenate([rest, chunk], feature_dim) if len(rest) else chunk
        start = int(ends[done - 1]) if done else 0
        edges = [0, *(ends[done : np.searchsorted(ends, start + len(documents), "right")] - start).tolist()]
        yield from _cut(documents.part(0, edges[-1]), edges, device)
        rest, done = documents.part(edges[-1], len(documents)), done + len(edges) - 1
        if done == len(ends):
            return


def _cut(documents: BagOfWords, edges: Sequence[int], device: torch.device) -> Iterator[Batch]:
    """Yield the documents between each pair of edges as a batch."""
    feature_dim, offsets, words, counts = documents.feature_dim, documents.offsets, documents.words, documents.counts
    starts = offsets[edges].tolist()
    within = np.arange(len(documents)) - np.repeat(edges[:-1], np.diff(edges))
    with np.errstate(over="ignore"):
        lengths = np.add.reduceat(counts, offsets[:-1]) if len(documents) else counts
    arrays = np.repeat(within, np.diff(offsets)), words.astype(np.int64), counts, lengths
    documents_there, words_there, counts_there, lengths_there = (_to(device, array) for array in arrays)
    sortable = words.astype(np.uint16) if feature_dim <= _SMALL else words
    for (start, stop), (first, last) in zip(itertools.pairwise(edges), itertools.pairwise(starts), strict=True):
        bounds = offsets[start : stop + 1] - first
        word_offsets = np.zeros(feature_dim + 1, np.int64)
        np.cumsum(np.bincount(words[first:last], minlength=feature_dim), out=word_offsets[1:])
        yield Batch(
            bounds=bounds,
            offsets=_to(device, bounds),
            documents=documents_there[first:last],
            words=words_there[first:last],
            counts=counts_there[first:last],
            lengths=lengths_there[start:stop],
            by_word=_to(device, np.argsort(sortable[first:last], kind="stable")),
            word_offsets=_to(device, word_offsets),
        )


def _to(device: torch.device, array: NDArray[Any]) -> Tensor:
    # Counts may be a read-only view, of a file for example; torch requires writable arrays.
    return torch.from_numpy(np.require(array, requirements="W")).to(device)
