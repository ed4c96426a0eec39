"""Metrics of a topic model on held-out documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ntm.common.errors import InputError
from ntm.data.corpus import Corpus
from ntm.evaluation.coherence import c_v
from ntm.evaluation.heldout import HeldOut
from ntm.evaluation.models import EvaluatedModel
from ntm.network.inference import Array
from ntm.topics.coherence import npmi, uniqueness, wetc
from ntm.topics.topics import WORDS_PER_TOPIC
from ntm.topics.word_vectors import mean_of_known

DIVERSITY_WORDS: Final = 25
RATIOS: Final = ("perplexity",)
"""Metrics compared with the baseline by ratio; all others are compared by difference."""

_CELLS_AT_A_TIME = 2**24


@dataclass(frozen=True)
class TopicMetrics:
    """Metrics of each of K topics.

    Attributes:
        words: Ids of the topics' words, best first, int64 [K, n].
        weights: Probabilities of these words given the topic, float32 [K, n].
        share: Mean weight of the topic over the documents, float64 [K].
        documents: Number of documents whose main topic it is, int64 [K].
        npmi: NPMI coherence, float64 [K].
        c_v: C_V coherence, float64 [K].
        uniqueness: Topic uniqueness, float64 [K].
        wetc: WETC coherence, float64 [K]; None without word vectors, NaN for a topic whose words have none.
    """

    words: NDArray[np.int64]
    weights: Array
    share: NDArray[np.float64]
    documents: NDArray[np.int64]
    npmi: NDArray[np.float64]
    c_v: NDArray[np.float64]
    uniqueness: NDArray[np.float64]
    wetc: NDArray[np.float64] | None


@dataclass(frozen=True)
class Measured:
    """Metrics of a model.

    Attributes:
        overall: Metrics of the whole model, by name.
        topics: Metrics of each topic.
        mixtures: Topic mixtures of the held-out documents, float32 [D, K].
        scored: Number of documents that perplexity is measured on.
    """

    overall: Mapping[str, float]
    topics: TopicMetrics
    mixtures: Array
    scored: int


def measure(model: EvaluatedModel, held_out: HeldOut, train: Corpus, vectors: Array | None) -> Measured:
    """Measure a model.

    Args:
        model: The model.
        held_out: The held-out documents.
        train: The training documents.
        vectors: Word vectors of the vocabulary for WETC, float32 [V, d]; optional.

    Raises:
        InputError: No document has two words, so perplexity is undefined.
    """
    ranked = model.words(DIVERSITY_WORDS)
    words = ranked[:, :WORDS_PER_TOPIC]
    mixtures = model.mixtures(held_out, "all")
    topics = TopicMetrics(
        words,
        np.take_along_axis(model.word_probabilities(), words, axis=1),
        mixtures.astype(np.float64).mean(axis=0),
        np.bincount(mixtures.argmax(axis=1), minlength=len(words)),
        # In a small held-out set, most pairs of rare words never occur together.
        npmi(words, Corpus.of(held_out.bags("all")), unseen=0),
        c_v(words, held_out),
        uniqueness(words),
        None if vectors is None else wetc(words, vectors),
    )
    perplexity, scored = _perplexity(model, held_out)
    overall = {
        "npmi": float(topics.npmi.mean()),
        "npmi_train": float(npmi(words, train).mean()),
        "c_v": float(topics.c_v.mean()),
        "topic_uniqueness": float(topics.uniqueness.mean()),
        "topic_uniqueness_10": float(uniqueness(words[:, :10]).mean()),
        "topic_diversity": diversity(ranked),
        "perplexity": perplexity,
    }
    if topics.wetc is not None and np.isfinite(topics.wetc).any():
        overall["wetc"] = mean_of_known(topics.wetc)
    return Measured(overall, topics, mixtures, scored)


def diversity(words: NDArray[np.int64]) -> float:
    """Return the share of distinct words among the words of all topics.

    Source: Dieng, Ruiz and Blei, Topic Modeling in Embedding Spaces, TACL 2020.

    Args:
        words: Ids of each topic's words, [K, n]; n is 25 in the source.
    """
    return len(np.unique(words)) / words.size


def against(model: Mapping[str, float], baseline: Mapping[str, float]) -> dict[str, float]:
    """Return the differences between the model's and the baseline's metrics; for perplexity, the ratio."""
    return {
        name: model[name] / baseline[name] if name in RATIOS else model[name] - baseline[name]
        for name in ("npmi", "c_v", "topic_uniqueness", "topic_diversity", "perplexity")
    }


def _perplexity(model: EvaluatedModel, held_out: HeldOut) -> tuple[float, int]:
    """Return the document-completion perplexity (every second word, given the others) and the number of documents.

    Source: Wallach, Murray, Salakhutdinov and Mimno, Evaluation Methods for Topic Models, ICML 2009.
    """
    documents, words = held_out.scored()
    chosen = np.unique(documents)
    if not len(chosen):
        raise InputError(
            "Perplexity is undefined: no test document has two words of the vocabulary. Provide more or "
            "longer documents."
        )
    mixtures = model.mixtures(held_out, "observed")
    total = 0.0
    size = max(1, _CELLS_AT_A_TIME // held_out.feature_dim)
    for start in range(0, len(chosen), size):
        part = chosen[start : start + size]
        inside = (documents >= part[0]) & (documents <= part[-1])
        probabilities = model.log_word_probabilities(mixtures[part])
        rows = np.searchsorted(part, documents[inside])
        total += float(probabilities[rows, words[inside]].sum(dtype=np.float64))
    return float(np.exp(-total / len(words))), len(chosen)
