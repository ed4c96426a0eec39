import numpy as np

from ntm.data.bag_of_words import BagOfWords
from ntm.network.inference import Array
from ntm.topics.ranking import TopicStatistics, best_words, characteristic_words
from tests.containers.ntm import planted


def statistics(theta: Array, bag: BagOfWords) -> TopicStatistics:
    """Return statistics of documents with known mixtures, computed in two chunks."""
    rows = iter((theta[:10], theta[10:]))
    parts = [bag.part(0, 10), bag.part(10, len(bag))]
    return TopicStatistics.of(parts, lambda _: next(rows), lambda sums: sums, (bag.feature_dim, theta.shape[1]))


def test_scores_equal_regression_coefficients() -> None:
    random = np.random.default_rng(0)
    theta = random.dirichlet([0.3] * 4, size=400).astype(np.float32)
    # Words 0 to 3 belong to one topic each, 4 to the first two, 5 to none; 6 is everywhere and 7 nowhere.
    chances = np.column_stack(
        [0.05 + 0.9 * theta, 0.05 + 0.45 * theta[:, :2].sum(1), np.full(400, 0.5), np.ones(400), np.zeros(400)]
    )
    presence = random.random(chances.shape) < chances
    bag = planted.bag_of([np.flatnonzero(row).tolist() for row in presence], 8)
    scores = statistics(theta, bag).scores()

    # The fourth weight is 1 minus the others; coefficients are relative to their mean.
    design = np.column_stack([theta[:, :3], np.ones(400)])
    coefficients = np.linalg.lstsq(design, presence[:, :6].astype(float), rcond=None)[0]
    coefficients[3] = 0
    coefficients -= coefficients.mean(axis=0)
    expected = coefficients / presence[:, :6].std(axis=0) / 400**0.5
    np.testing.assert_allclose(scores[:, :6] / scores[0, 0], expected / expected[0, 0], rtol=1e-3, atol=1e-4)
    assert np.isneginf(scores[:, 6:]).all()
    assert best_words(scores, 3)[:, 0].tolist() == [0, 1, 2, 3]


def test_identical_topics_still_have_words() -> None:
    bag = planted.bag_of([[0], [1], [0, 1]] * 4, 3)
    scores = statistics(np.full((12, 2), 0.5, np.float32), bag).scores()
    assert sorted(characteristic_words(scores, 20)[0].tolist()) == [0, 1, 2]


def test_a_word_of_several_topics_comes_after_those_of_one() -> None:
    scores = np.array([[0.9, 0.8, 0.7, 0.1], [0.9, -0.5, 0.1, 0.6], [0.0, 0.0, 0.0, 0.0]])
    assert best_words(scores, 2).tolist() == [[0, 1], [0, 3], [0, 1]]
    # Half of the best other score is subtracted, which leaves 0.45 for the first word.
    assert characteristic_words(scores, 4)[:2].tolist() == [[1, 2, 0, 3], [3, 0, 2, 1]]


def test_words_of_a_single_topic() -> None:
    assert characteristic_words(np.array([[0.1, 0.3, 0.2]]), 2).tolist() == [[1, 2]]
