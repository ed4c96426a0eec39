"""Baseline: latent Dirichlet allocation by collapsed Gibbs sampling."""

import time
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ntm.data.corpus import Corpus
from ntm.evaluation.heldout import Half, HeldOut
from ntm.evaluation.models import by_probability
from ntm.network.inference import Array, chunks

MAX_DOCUMENTS: Final = 200_000
"""Maximum number of training documents; with more, LDA would take longer than the network."""

_INFERENCE_STEPS = 50
_SEED = 0


@dataclass(frozen=True)
class Lda:
    """LDA model.

    Attributes:
        name: Library and version.
        topics: Word probabilities of each topic, float32 [K, V].
        alpha: Dirichlet prior of mixtures, float32 [K].
        iterations: Number of Gibbs sweeps.
        documents: Number of training documents.
        seconds: Training time.
    """

    name: str
    topics: Array
    alpha: Array
    iterations: int
    documents: int
    seconds: float

    @classmethod
    def train(cls, corpus: Corpus, num_topics: int, iterations: int) -> "Lda":
        """Train on a corpus; the same arguments give the same model."""
        # Slow to import, and not needed by training jobs.
        with warnings.catch_warnings():
            # Raised by its compiled extension.
            warnings.simplefilter("ignore", DeprecationWarning)
            import tomotopy

        started = time.monotonic()
        model = tomotopy.LDAModel(tw=tomotopy.TermWeight.ONE, k=num_topics, seed=_SEED, alpha=5 / num_topics, eta=0.01)
        model.optim_interval = 10
        documents = 0
        for chunk in corpus.chunks():
            for document in range(min(len(chunk), MAX_DOCUMENTS - documents)):
                entries = slice(chunk.offsets[document], chunk.offsets[document + 1])
                repeats = np.maximum(1, np.rint(chunk.counts[entries])).astype(int)
                model.add_doc(np.repeat(chunk.words[entries], repeats).astype(str).tolist())
                documents += 1
        # With several workers the result depends on their timing.
        model.train(iterations, workers=1)
        topics = np.zeros((num_topics, corpus.feature_dim), np.float32)
        used = [int(word) for word in model.used_vocabs]
        for topic in range(num_topics):
            topics[topic, used] = model.get_topic_word_dist(topic)
        # Give words outside the training sample a small probability.
        topics = np.maximum(topics, np.float32(1e-9))
        return cls(
            f"tomotopy LDA {tomotopy.__version__}",
            topics / topics.sum(axis=1, keepdims=True),
            np.asarray(model.alpha, np.float32),
            iterations,
            documents,
            time.monotonic() - started,
        )

    def words(self, count: int) -> NDArray[np.int64]:
        """Return the most probable words."""
        return by_probability(self.topics, count)

    def word_probabilities(self) -> Array:
        """Return the word probabilities of the topics."""
        return self.topics

    def mixtures(self, documents: HeldOut, half: Half) -> Array:
        """Return the most probable mixtures under a prior of ``alpha + 1``, by expectation maximisation.

        With the prior raised by one, they are as good as means of samples, and need no random numbers. Source:
        Asuncion, Welling, Smyth and Teh, On Smoothing and Inference for Topic Models, UAI 2009.
        """
        bags = documents.bags(half)
        found = np.tile(self.alpha / self.alpha.sum(), (len(bags), 1)).astype(np.float32)
        filled = np.flatnonzero(np.diff(bags.offsets))
        for part in chunks(len(filled)):
            bag = bags.rows(filled[part])
            likelihood, owners = self.topics[:, bag.words].T, bag.documents
            mixtures = found[filled[part]]
            for _ in range(_INFERENCE_STEPS):
                shares = likelihood * mixtures[owners]
                shares *= bag.counts[:, None] / shares.sum(axis=1, keepdims=True)
                weights = np.add.reduceat(shares, bag.offsets[:-1], axis=0) + self.alpha
                mixtures = weights / weights.sum(axis=1, keepdims=True)
            found[filled[part]] = mixtures
        return found

    def log_word_probabilities(self, mixtures: Array) -> Array:
        """Return the log probabilities of the mixed topics."""
        return np.asarray(np.log(mixtures @ self.topics))
