"""Quality of topics by their words: coherence and uniqueness."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ntm.data.bag_of_words import BagOfWords
from ntm.data.corpus import Corpus
from ntm.network.inference import Array, chunks

_COHERENCE_WORDS = 10

# Weight of uniqueness (1 / K to 1) when added to coherence (-1 to 1).
UNIQUENESS_WEIGHT = 0.5


def npmi(
    words: NDArray[np.int64],
    corpus: Corpus,
    total: Callable[[NDArray[np.float64]], NDArray[np.float64]] = lambda counts: counts,
    unseen: float = -1.0,
) -> NDArray[np.float64]:
    """Return each topic's NPMI: the mean over pairs of its ten best words, the window being a document.

    NPMI(i, j) = log(p(i, j) / p(i) p(j)) / -log p(i, j), p being shares of documents; 1 for a pair that is in every
    document. Source: Lau, Newman and Baldwin, Machine Reading Tea Leaves, EACL 2014.

    Args:
        words: Ids of each topic's words, best first, [K, n].
        corpus: Reference documents.
        total: Sums counts over hosts; there is at least one document in total.
        unseen: Score of a pair that never occurs together: -1, the limit of the formula, or 0, as in the source's code
            (https://github.com/jhlau/topic_interpretability). In a small corpus, the absence of a pair of rare words
            is no evidence.

    Returns:
        float64 [K], from -1 to 1; 0 for a topic without pairs.
    """
    best = words[:, :_COHERENCE_WORDS]
    distinct, columns = np.unique(best, return_inverse=True)
    columns = columns.reshape(best.shape)
    column_of = np.full(corpus.feature_dim, -1)
    column_of[distinct] = np.arange(len(distinct))
    together = np.zeros((*best.shape, best.shape[1]))
    for chunk in corpus.chunks():
        for part in chunks(len(chunk)):
            together += _together(chunk.part(part.start, min(part.stop, len(chunk))), column_of, columns)
    joint = total(together) / total(np.array([float(len(corpus))]))
    first, second = np.triu_indices(best.shape[1], k=1)
    if not len(first):
        return np.zeros(len(best))
    single = np.diagonal(joint, axis1=1, axis2=2)
    pairs = joint[:, first, second]
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.log(pairs / (single[:, first] * single[:, second])) / -np.log(pairs)
    return np.asarray(np.where(pairs >= 1, 1.0, np.where(pairs > 0, scores, unseen)).mean(axis=1))


def _together(rows: BagOfWords, column_of: NDArray[np.int64], columns: NDArray[np.int64]) -> Array:
    """Return the number of documents that contain both words of each pair, [K, n, n]."""
    column = column_of[rows.words]
    present = np.zeros((columns.max() + 1, len(rows)), np.float32)
    present[column[column >= 0], rows.documents[column >= 0]] = 1
    of_topics = present[columns]
    return of_topics @ of_topics.transpose(0, 2, 1)


def uniqueness(words: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each topic's uniqueness (TU): the mean over its words of 1 / (number of topics that have the word).

    Source: Nan et al., Topic Modeling with Wasserstein Autoencoders, arXiv 1907.12374.

    Args:
        words: Ids of each topic's words, [K, n].

    Returns:
        float64 [K], each from 1 / K to 1.
    """
    _, inverse, occurrences = np.unique(words, return_inverse=True, return_counts=True)
    return np.asarray((1 / occurrences[inverse.reshape(words.shape)]).mean(axis=1))


def wetc(words: NDArray[np.int64], vectors: Array) -> NDArray[np.float64]:
    """Return each topic's word embedding topic coherence (WETC): the mean cosine over pairs of its ten best words.

    Source: Ding, Nallapati and Xiang, Coherence-Aware Neural Topic Modeling, arXiv 1809.02687.

    Args:
        words: Ids of each topic's words, best first, [K, n].
        vectors: Word vectors [V, d]; pairs of a word without a vector (NaN) are ignored.

    Returns:
        float64 [K], from -1 to 1; NaN for a topic without pairs.
    """
    best = vectors[words[:, :_COHERENCE_WORDS]].astype(np.float64)
    first, second = np.triu_indices(best.shape[1], k=1)
    with np.errstate(invalid="ignore"):
        unit = best / np.linalg.norm(best, axis=2, keepdims=True)
        cosines = np.einsum("kpd,kpd->kp", unit[:, first], unit[:, second])
        known = np.isfinite(cosines)
        return np.asarray(np.where(known, cosines, 0).sum(axis=1) / known.sum(axis=1))
