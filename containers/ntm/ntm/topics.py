"""What the topics are about, and how good they are."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ntm.bag_of_words import BagOfWords
from ntm.inference import Array, TopicModel, chunks

WORDS_PER_TOPIC = 20
_COHERENCE_WORDS = 10


@dataclass(frozen=True)
class Topics:
    """The topics of a model as they show in a corpus; K topics, n words each (20, or all of a smaller vocabulary).

    Attributes:
        share: mean weight of each topic over the documents, float32 [K], sums to 1.
        words: ids of the most characteristic words, best first, int64 [K, n].
        weights: probability of these words in a document of the topic alone, float32 [K, n].
        npmi: coherence of each topic in the same corpus, float64 [K]; see ``coherence``.
        uniqueness: float64 [K]; see ``uniqueness``.
    """

    share: Array
    words: NDArray[np.int64]
    weights: Array
    npmi: NDArray[np.float64]
    uniqueness: NDArray[np.float64]

    def reordered(self, order: NDArray[np.int64]) -> "Topics":
        """Return the same topics in another order."""
        return Topics(
            self.share[order], self.words[order], self.weights[order], self.npmi[order], self.uniqueness[order]
        )

    def log(self, logger: logging.Logger, vocabulary: Sequence[str]) -> None:
        """Write the topics as the built-in does, NPMI in the place of WETC."""
        logger.info(
            "Topics from epoch:final (num_topics:%d) [npmi %.2f, tu %.2f]:",
            len(self.share),
            self.npmi.mean(),
            self.uniqueness.mean(),
        )
        for words, npmi, uniqueness in zip(self.words, self.npmi, self.uniqueness, strict=True):
            logger.info("[%.2f, %.2f] %s", npmi, uniqueness, " ".join(vocabulary[word] for word in words))


def describe(model: TopicModel, corpus: BagOfWords) -> Topics:
    """Describe a model's topics by the corpus that it was trained on; see ``characteristic_words``."""
    theta = model.topic_weights(corpus)
    words = characteristic_words(theta, corpus)
    weights = np.take_along_axis(model.word_probabilities().T, words, axis=1)
    return Topics(theta.mean(axis=0), words, weights, coherence(words, corpus), uniqueness(words))


def characteristic_words(theta: Array, corpus: BagOfWords) -> NDArray[np.int64]:
    """Return the words whose presence in a document goes most with a topic's weight in it, int64 [K, n], best first.

    A word's score for a topic is the coefficient of that topic's weight in the linear regression of the word's
    presence on all topics' weights, over the standard deviation of the presence. What other topics explain does not
    count, nor does what few documents bear out, and there is nothing to tune. The decoder's own figures mislead: its
    weights favour rare words, its probabilities those that are frequent everywhere.

    Args:
        theta: the documents' topic mixtures, [D, K].
        corpus: the same documents.
    """
    centred = theta - theta.mean(axis=0, dtype=np.float64)
    # A pseudo-inverse, as the weights of a document add up to 1.
    precision = np.linalg.pinv(centred.T @ centred, rcond=1e-6, hermitian=True)
    regressors = centred @ precision
    documents, size = corpus.documents, len(corpus)
    frequency = np.bincount(corpus.words, minlength=corpus.feature_dim)
    deviation = np.sqrt(frequency * (1 - frequency / size))
    best = np.empty((theta.shape[1], min(WORDS_PER_TOPIC, corpus.feature_dim)), np.int64)
    for topic, column in enumerate(regressors.T):
        explained = np.bincount(corpus.words, column[documents], minlength=corpus.feature_dim)
        score = np.divide(explained, deviation, out=np.full(len(deviation), -np.inf), where=deviation > 0)
        best[topic] = np.argsort(-score, kind="stable")[: best.shape[1]]
    return best


def coherence(words: NDArray[np.int64], corpus: BagOfWords) -> NDArray[np.float64]:
    """Return each topic's NPMI: the mean over pairs of its ten best words, the window being a document.

    NPMI(i, j) = log(p(i, j) / p(i) p(j)) / -log p(i, j), p being shares of documents; -1 for a pair that never
    occurs together, 1 for one that is in every document. Source: Lau, Newman and Baldwin, Machine Reading Tea Leaves,
    EACL 2014.

    Args:
        words: ids of each topic's words, best first, [K, n].
        corpus: the reference documents, at least one.

    Returns:
        float64 [K], each from -1 to 1; 0 where there is no pair.
    """
    best = words[:, :_COHERENCE_WORDS]
    distinct, columns = np.unique(best, return_inverse=True)
    columns = columns.reshape(best.shape)
    column_of = np.full(corpus.feature_dim, -1)
    column_of[distinct] = np.arange(len(distinct))
    together = np.zeros((*best.shape, best.shape[1]))
    documents = np.arange(len(corpus))
    for part in chunks(len(corpus)):
        rows = corpus.rows(documents[part])
        column = column_of[rows.words]
        present = np.zeros((len(distinct), len(rows)), np.float32)
        present[column[column >= 0], rows.documents[column >= 0]] = 1
        of_topics = present[columns]
        together += of_topics @ of_topics.transpose(0, 2, 1)
    joint = together / len(corpus)
    first, second = np.triu_indices(best.shape[1], k=1)
    if not len(first):
        return np.zeros(len(best))
    single = np.diagonal(joint, axis1=1, axis2=2)
    pairs = joint[:, first, second]
    with np.errstate(divide="ignore", invalid="ignore"):
        npmi = np.log(pairs / (single[:, first] * single[:, second])) / -np.log(pairs)
    return np.asarray(np.where(pairs >= 1, 1.0, np.where(pairs > 0, npmi, -1.0)).mean(axis=1))


def uniqueness(words: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each topic's uniqueness: the mean over its words of 1 / (number of topics that have the word).

    Source: Nan et al., Topic Modeling with Wasserstein Autoencoders, arXiv 1907.12374.

    Args:
        words: ids of each topic's words, [K, n].

    Returns:
        float64 [K], each from 1 / K to 1.
    """
    _, inverse, occurrences = np.unique(words, return_inverse=True, return_counts=True)
    return np.asarray((1 / occurrences[inverse.reshape(words.shape)]).mean(axis=1))
