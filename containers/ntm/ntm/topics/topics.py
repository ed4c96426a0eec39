"""Topics of a model, described by a corpus."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ntm.network.inference import Array

WORDS_PER_TOPIC = 20


@dataclass(frozen=True)
class Topics:
    """Topics of a model: K topics of n words each (20, or all of a smaller vocabulary).

    Attributes:
        share: Mean weight of each topic over the documents, float32 [K]; sums to 1.
        words: Ids of the most characteristic words, best first, int64 [K, n].
        weights: Probabilities of these words given the topic, float32 [K, n].
        npmi: Coherence of each topic in the corpus, float64 [K]; see ``ntm.topics.coherence``.
        uniqueness: Uniqueness of each topic, float64 [K].
        wetc: Coherence by word vectors, float64 [K]; None without word vectors.
    """

    share: Array
    words: NDArray[np.int64]
    weights: Array
    npmi: NDArray[np.float64]
    uniqueness: NDArray[np.float64]
    wetc: NDArray[np.float64] | None = None

    def reordered(self, order: NDArray[np.int64]) -> "Topics":
        """Return the same topics in another order."""
        return Topics(
            self.share[order],
            self.words[order],
            self.weights[order],
            self.npmi[order],
            self.uniqueness[order],
            None if self.wetc is None else self.wetc[order],
        )

    def log(self, logger: logging.Logger, vocabulary: Sequence[str]) -> None:
        """Log the topics in the built-in's format; without word vectors, NPMI replaces WETC."""
        name, coherence = ("npmi", self.npmi) if self.wetc is None else ("wetc", self.wetc)
        logger.info(
            "Topics from epoch:final (num_topics:%d) [%s %.2f, tu %.2f]:",
            len(self.share),
            name,
            np.nanmean(coherence) if np.isfinite(coherence).any() else np.nan,
            self.uniqueness.mean(),
        )
        for words, score, uniqueness in zip(self.words, coherence, self.uniqueness, strict=True):
            logger.info("[%.2f, %.2f] %s", score, uniqueness, " ".join(vocabulary[word] for word in words))
