"""A corpus with known topics: each has its own words, and all share common words."""

from collections.abc import Collection, Sequence

import numpy as np

from ntm.data.bag_of_words import BagOfWords, bag_of_words

TOPICS, WORDS, COMMON = 5, 20, 20
FEATURE_DIM = TOPICS * WORDS + COMMON


def corpus(documents: int, seed: int) -> tuple[BagOfWords, np.ndarray]:
    """Return documents of 15 to 60 words, seven in ten from one topic, and the topic of each."""
    random = np.random.default_rng(seed)
    topics = random.integers(TOPICS, size=documents)
    lengths = random.integers(15, 60, size=documents)
    rows = np.repeat(np.arange(documents), lengths)
    own = random.random(len(rows)) < 0.7
    words = np.where(
        own,
        topics[rows] * WORDS + random.integers(WORDS, size=len(rows)),
        TOPICS * WORDS + random.integers(COMMON, size=len(rows)),
    )
    return bag_of_words(rows, words, np.ones(len(rows)), (documents, FEATURE_DIM)), topics


def bag_of(documents: Sequence[Collection[int]], feature_dim: int) -> BagOfWords:
    """Return documents in which each of the given words occurs three times."""
    entries = [(number, word) for number, words in enumerate(documents) for word in words]
    rows, words = np.array(entries, np.int64).reshape(-1, 2).T
    return bag_of_words(rows, words, np.full(len(rows), 3.0), (len(documents), feature_dim))
