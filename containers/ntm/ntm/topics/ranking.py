"""Ranking of the words of topics.

The decoder's weights favour rare words and its probabilities words that are frequent everywhere. Words are therefore
ranked by their association with the topic in the documents.
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

# Share of a word's score for the best other topic that is subtracted.
_EXCLUSIVITY = 0.5
_CANDIDATES = 50
# Candidate exponents; larger ones favour frequent words.
_FREQUENCY_EXPONENTS = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class TopicStatistics:
    """Sums over D documents, by K topics and V words.

    Attributes:
        documents: Number of documents, D.
        weights: Weights of each topic, float64 [K].
        moments: Products of the weights of two topics, float64 [K, K].
        word_weights: Topic weights of the documents that contain a word, float64 [V, K].
        frequencies: Document frequency of each word, float64 [V].
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
        """Compute the statistics of documents.

        Args:
            chunks: The documents.
            topic_weights: Returns the topic mixtures [D, K] of a chunk.
            total: Sums arrays over hosts.
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
        """Return the association of each word with each topic, [K, V].

        The score is the coefficient of the topic's weight in a linear regression of the word's presence in a document
        on the weights of all topics, divided by the standard deviation of the presence, times that deviation to the
        power of ``exponent``. It excludes what other topics explain and discounts words with little evidence.
        """
        mean = self.weights / self.documents
        covariance = self.moments / self.documents - np.outer(mean, mean)
        # A pseudo-inverse, because the weights of a document sum to 1.
        precision = np.linalg.pinv(covariance, rcond=1e-6, hermitian=True)
        explained = (self.word_weights - self.frequencies[:, None] * mean) @ precision
        deviation = np.sqrt(self.frequencies * (1 - self.frequencies / self.documents))
        scores = np.full(explained.T.shape, -np.inf)
        return np.asarray(np.divide(explained.T, deviation ** (1 - exponent), out=scores, where=deviation > 0))


def most_coherent(
    statistics: TopicStatistics, words: int, coherence: Callable[[NDArray[np.int64]], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return scores and each topic's best words for the exponent that suits the corpus best.

    Long documents support rare words; short documents rarely share them. No exponent is best everywhere (compare the
    relevance of Sievert and Shirley, LDAvis, 2014). The exponent with the highest mean coherence plus half of mean
    uniqueness is used.

    Args:
        statistics: Statistics of the topics.
        words: Number of words per topic.
        coherence: Returns the coherence of each topic [K], given words [K, n].
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
    """Return each topic's words with the highest scores, best first: [K, words], or all if there are fewer."""
    words = min(words, scores.shape[1])
    # Ascending, so that ties go to the word with the lower id.
    found = np.sort(np.argpartition(-scores, words - 1, axis=1)[:, :words], axis=1)
    order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def characteristic_words(scores: NDArray[np.float64], words: int) -> NDArray[np.int64]:
    """Return each topic's most exclusive words, best first: [K, words].

    A topic's fifty best words are ordered by their score minus half of their score for the best other topic (as FREX
    weighs frequency against exclusivity: Bischof and Airoldi, Summarizing Topical Content with Word Frequency and
    Exclusivity, ICML 2012).
    """
    candidates = best_words(scores, max(words, _CANDIDATES))
    others = np.zeros_like(scores)
    if len(scores) > 1:
        second, first = np.partition(scores, (-2, -1), axis=0)[-2:]
        others = np.where(scores == first, second, first).clip(min=0)
    exclusive = np.take_along_axis(scores - _EXCLUSIVITY * others, candidates, axis=1)
    order = np.argsort(-exclusive, axis=1, kind="stable")[:, :words]
    return np.take_along_axis(candidates, order, axis=1)
