"""Which words say what a topic is about.

The decoder's own figures mislead: its weights favour rare words, its probabilities those that are frequent everywhere.
Words are ranked by how they go with the topic in the documents.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from ntm.data.bag_of_words import BagOfWords
from ntm.network.inference import Array
from ntm.topics.coherence import UNIQUENESS_WEIGHT, uniqueness

Total = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# A word of several topics counts less for each: this part of its score for the best other topic is taken off.
_EXCLUSIVITY = 0.5
_CANDIDATES = 50
# How much frequent words are favoured: the exponents among which a corpus chooses.
_FREQUENCY_EXPONENTS = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class TopicStatistics:
    """Sums over D documents, by K topics and V words.

    Attributes:
        documents: D.
        weights: of each topic, float64 [K].
        moments: products of two topics' weights, float64 [K, K].
        word_weights: of each topic in the documents that have a word, float64 [V, K].
        frequencies: in how many documents each word is, float64 [V].
    """

    documents: float
    weights: NDArray[np.float64]
    moments: NDArray[np.float64]
    word_weights: NDArray[np.float64]
    frequencies: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        chunks: Iterable[BagOfWords],
        topic_weights: Callable[[BagOfWords], Array],
        total: Total,
        shape: tuple[int, int],
    ) -> "TopicStatistics":
        """Go through documents.

        Args:
            chunks: the documents.
            topic_weights: gives the topic mixtures [D, K] of a chunk.
            total: sums arrays over hosts that have each a part of the documents.
            shape: V and K.
        """
        feature_dim, num_topics = shape
        weights, moments = np.zeros(num_topics), np.zeros((num_topics, num_topics))
        word_weights, frequencies = np.zeros(shape), np.zeros(feature_dim)
        documents = 0.0
        for chunk in chunks:
            theta = topic_weights(chunk).astype(np.float64)
            present = scipy.sparse.csr_array(
                (np.ones(len(chunk.words)), chunk.words, chunk.offsets), (len(chunk), feature_dim)
            )
            documents += len(chunk)
            weights += theta.sum(axis=0)
            moments += theta.T @ theta
            word_weights += present.T @ theta
            frequencies += np.bincount(chunk.words, minlength=feature_dim)
        sums = np.array([documents]), weights, moments, word_weights, frequencies
        (documents,), *others = (total(each) for each in sums)
        return cls(float(documents), *others)

    def scores(self, exponent: float = 0.0) -> NDArray[np.float64]:
        """Return how much each word goes with each topic, [K, V].

        That is the coefficient of the topic's weight in the linear regression of the word's presence in a document on
        all topics' weights, over the standard deviation of the presence. What other topics explain does not count, nor
        does what few documents bear out. Times the standard deviation to the power of ``exponent``.
        """
        mean = self.weights / self.documents
        covariance = self.moments / self.documents - np.outer(mean, mean)
        # A pseudo-inverse, as the weights of a document add up to 1.
        precision = np.linalg.pinv(covariance, rcond=1e-6, hermitian=True)
        explained = (self.word_weights - self.frequencies[:, None] * mean) @ precision
        deviation = np.sqrt(self.frequencies * (1 - self.frequencies / self.documents))
        scores = np.full(explained.T.shape, -np.inf)
        return np.asarray(np.divide(explained.T, deviation ** (1 - exponent), out=scores, where=deviation > 0))


def most_coherent(
    statistics: TopicStatistics, words: int, coherence: Callable[[NDArray[np.int64]], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return scores, and each topic's words by them, for the exponent that serves a corpus best.

    Long documents bear out rare words, of short ones hardly two have the same rare words: no exponent is best
    everywhere (as with the relevance of Sievert and Shirley, LDAvis, 2014). The one with the highest sum of coherence
    and half of uniqueness, means over topics, is taken.

    Args:
        statistics: of the topics.
        words: how many for each topic.
        coherence: of each topic [K], given words [K, n].
    """
    best = (-np.inf, np.zeros(0), np.zeros(0, np.int64))
    for exponent in _FREQUENCY_EXPONENTS:
        scores = statistics.scores(exponent)
        chosen = characteristic_words(scores, words)
        quality = float(coherence(chosen).mean() + UNIQUENESS_WEIGHT * uniqueness(chosen).mean())
        if quality > best[0]:
            best = quality, scores, chosen
    return best[1:]


def best_words(scores: NDArray[np.float64], words: int) -> NDArray[np.int64]:
    """Return each topic's words of the highest scores, best first: [K, words], or all if there are fewer."""
    words = min(words, scores.shape[1])
    # Ascending, so that of equal scores the word that comes first wins.
    found = np.sort(np.argpartition(-scores, words - 1, axis=1)[:, :words], axis=1)
    order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def characteristic_words(scores: NDArray[np.float64], words: int) -> NDArray[np.int64]:
    """Return each topic's words by their scores for it and for no other, best first: [K, words].

    Of a topic's fifty best words, those come first whose score, less half of that for the best other topic, is highest
    (as FREX weighs frequency against exclusivity: Bischof and Airoldi, Summarizing Topical Content with Word Frequency
    and Exclusivity, ICML 2012).
    """
    candidates = best_words(scores, max(words, _CANDIDATES))
    others = np.zeros_like(scores)
    if len(scores) > 1:
        second, first = np.partition(scores, (-2, -1), axis=0)[-2:]
        others = np.where(scores == first, second, first).clip(min=0)
    exclusive = np.take_along_axis(scores - _EXCLUSIVITY * others, candidates, axis=1)
    order = np.argsort(-exclusive, axis=1, kind="stable")[:, :words]
    return np.take_along_axis(candidates, order, axis=1)
