import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntm.bag_of_words import BagOfWords, bag_of_words
from ntm.inference import Layer, TopicModel
from ntm.topics import characteristic_words, coherence, describe, uniqueness


def corpus_of(documents: list[set[int]], feature_dim: int) -> BagOfWords:
    entries = [(number, word) for number, words in enumerate(documents) for word in words]
    rows, words = np.array(entries, np.int64).reshape(-1, 2).T
    return bag_of_words(rows, words, np.full(len(rows), 3.0), (len(documents), feature_dim))


def npmi(first: int, second: int, documents: list[set[int]]) -> float:
    def share(*words: int) -> float:
        return sum(set(words) <= document for document in documents) / len(documents)

    joint = share(first, second)
    if joint in (0, 1):
        return 1.0 if joint else -1.0
    return math.log(joint / (share(first) * share(second))) / -math.log(joint)


@settings(deadline=None)
@given(
    st.lists(st.sets(st.integers(0, 14)), min_size=1, max_size=600),
    st.lists(st.permutations(range(15)), min_size=1, max_size=4),
)
def test_coherence_is_the_mean_npmi_of_the_pairs_of_ten_words(
    documents: list[set[int]], words: list[list[int]]
) -> None:
    expected = [np.mean([npmi(*pair, documents) for pair in itertools.combinations(row[:10], 2)]) for row in words]
    np.testing.assert_allclose(coherence(np.array(words), corpus_of(documents, 15)), expected, atol=1e-6)


def test_uniqueness() -> None:
    words = np.array([[0, 1, 2, 3], [0, 4, 5, 6], [0, 4, 7, 8]])
    assert uniqueness(words).tolist() == pytest.approx(
        [(1 / 3 + 3) / 4, (1 / 3 + 1 / 2 + 2) / 4, (1 / 3 + 1 / 2 + 2) / 4]
    )


def test_characteristic_words_are_those_of_a_regression() -> None:
    random = np.random.default_rng(0)
    theta = random.dirichlet([0.3] * 4, size=400).astype(np.float32)
    # Words 0 to 3 go with a topic each, 4 with the first two; 5 with none; 6 is everywhere and 7 nowhere.
    chances = np.column_stack(
        [0.05 + 0.9 * theta, 0.05 + 0.45 * theta[:, :2].sum(1), np.full(400, 0.5), np.ones(400), np.zeros(400)]
    )
    presence = random.random(chances.shape) < chances
    corpus = corpus_of([set(np.flatnonzero(row).tolist()) for row in presence], 8)
    words = characteristic_words(theta, corpus)

    # The fourth topic's weight is what the others leave; coefficients count from their mean.
    design = np.column_stack([theta[:, :3], np.ones(400)])
    coefficients = np.linalg.lstsq(design, presence[:, :6].astype(float), rcond=None)[0]
    coefficients[3] = 0
    coefficients -= coefficients.mean(axis=0)
    expected = np.argsort(-coefficients / presence[:, :6].std(axis=0), axis=1)
    assert words[:, 0].tolist() == [0, 1, 2, 3]
    assert words[:, :6].tolist() == expected.tolist()
    assert set(words[0, 6:].tolist()) == {6, 7}


def test_topics_that_are_alike_everywhere_still_have_words() -> None:
    words = characteristic_words(np.full((3, 2), 0.5, np.float32), corpus_of([{0}, {1}, {0, 1}], 3))
    assert sorted(words[0].tolist()) == [0, 1, 2]


def test_description_of_a_model() -> None:
    documents = [{0, 2}] * 30 + [{1, 2}] * 10
    first = Layer(np.array([[3, 0], [0, 3], [0, 0]], np.float32), np.zeros(2, np.float32))
    mean = Layer(np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
    decoder = Layer(np.array([[1, 0], [0, 2], [0, 0]], np.float32), np.array([0, 0, 1], np.float32))
    described = describe(TopicModel("relu", (first,), mean, decoder), corpus_of(documents, 3))
    assert described.words[:, 0].tolist() == [0, 1]
    probabilities = np.exp([[1, 0, 1], [0, 2, 1]])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(described.weights[:, 0], [probabilities[0, 0], probabilities[1, 1]], rtol=1e-6)
    own = np.exp(1.5) / (np.exp(1.5) + 1)
    np.testing.assert_allclose(
        described.share, [0.75 * own + 0.25 * (1 - own), 0.25 * own + 0.75 * (1 - own)], rtol=1e-6
    )
    swapped = described.reordered(np.array([1, 0]))
    assert swapped.words[:, 0].tolist() == [1, 0]
    assert swapped.share.tolist() == described.share[::-1].tolist()
