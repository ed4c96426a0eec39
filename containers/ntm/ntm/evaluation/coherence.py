"""C_V coherence."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ntm.evaluation.heldout import HeldOut

_WORDS = 10
_WINDOW = 110
_EPSILON = 1e-12
_WINDOWS_AT_A_TIME = 2048


def c_v(words: NDArray[np.int64], documents: HeldOut) -> NDArray[np.float64]:
    """Return each topic's C_V over its ten best words.

    Each word's NPMI with every word of the topic is a vector, counted in windows of 110 words that slide over the
    documents by one word (a shorter document is one window); C_V is the mean cosine of these vectors with their sum.
    As in gensim, only words of the vocabulary are in a document, and a word that is in none has NPMI 0 with all.
    Source: Röder, Both and Hinneburg, Exploring the Space of Topic Coherence Measures, WSDM 2015.

    Args:
        words: Ids of each topic's words, best first, [K, n].
        documents: Reference documents.

    Returns:
        float64 [K].
    """
    best = words[:, :_WORDS]
    distinct, columns = np.unique(best, return_inverse=True)
    columns = columns.reshape(best.shape)
    column_of = np.full(documents.feature_dim, -1)
    column_of[distinct] = np.arange(len(distinct))
    together = np.zeros((*best.shape, best.shape[1]))
    windows = 0
    for block in _blocks(documents, column_of, len(distinct)):
        of_topics = block[columns]
        together += of_topics @ of_topics.transpose(0, 2, 1)
        windows += block.shape[1]
    vectors = _npmi(together / max(windows, 1))
    sums = vectors.sum(axis=1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=2) * np.linalg.norm(sums, axis=2)
    cosines = (vectors * sums).sum(axis=2) / np.where(lengths > 0, lengths, 1)
    return np.asarray(cosines.mean(axis=1))


def _npmi(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return NPMI of all pairs of a topic's words, given the shares of the windows that hold both, [K, n, n]."""
    single = np.diagonal(joint, axis1=1, axis2=2)
    independent = single[:, :, None] * single[:, None, :]
    known = independent > 0
    ratio = np.log((joint + _EPSILON) / np.where(known, independent, 1))
    return np.where(known, ratio / -np.log(joint + _EPSILON), 0.0)


def _blocks(documents: HeldOut, column_of: NDArray[np.int64], columns: int) -> Iterator[NDArray[np.float32]]:
    """Yield the presence of words in windows, [columns, windows], in batches of windows."""
    parts: list[NDArray[np.float32]] = []
    size = 0
    for start, stop in zip(documents.offsets[:-1], documents.offsets[1:], strict=True):
        for part in _windows(column_of[documents.words[start:stop]], columns):
            parts.append(part)
            size += part.shape[1]
            if size >= _WINDOWS_AT_A_TIME:
                yield np.concatenate(parts, axis=1)
                parts, size = [], 0
    if parts:
        yield np.concatenate(parts, axis=1)


def _windows(found: NDArray[np.int64], columns: int) -> Iterator[NDArray[np.float32]]:
    """Yield the presence of words in one document's windows, given the columns of its words in order (-1 for none)."""
    count = max(1, len(found) - _WINDOW + 1)
    for first in range(0, count, _WINDOWS_AT_A_TIME):
        size = min(_WINDOWS_AT_A_TIME, count - first)
        present = np.zeros((columns, size), np.float32)
        for place, column in enumerate(found[first : first + size + _WINDOW - 1]):
            if column >= 0:
                present[column, max(0, place - _WINDOW + 1) : place + 1] = 1
        yield present
