import math
from dataclasses import dataclass

import numpy as np
import pytest

from ntm.common.errors import InputError
from ntm.data.corpus import Corpus
from ntm.evaluation import metrics
from ntm.evaluation.heldout import Half, HeldOut
from ntm.evaluation.metrics import against, diversity, measure
from ntm.network.inference import Array
from tests.containers.ntm import planted
from tests.containers.ntm.evaluation import inputs


@dataclass
class Model:
    """A model whose mixtures are the smoothed frequencies of words 0, 1 and 2."""

    probabilities: Array

    def words(self, count: int) -> np.ndarray:
        return np.argsort(-self.probabilities, axis=1, kind="stable")[:, :count]

    def word_probabilities(self) -> Array:
        return self.probabilities

    def mixtures(self, documents: HeldOut, half: Half) -> Array:
        bags = documents.bags(half)
        counts = np.ones((len(bags), 3), np.float32)
        for row, word, count in zip(bags.documents, bags.words, bags.counts, strict=True):
            if word < 3:
                counts[row, word] += count
        return counts / counts.sum(axis=1, keepdims=True)

    def log_word_probabilities(self, mixtures: Array) -> Array:
        return np.log(mixtures @ self.probabilities)


MODEL = Model(np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1]], np.float32))
ROWS = [[0, 0, 1, 3], [2, 2, 2], [1], [], [1, 0, 1, 0, 1]]
HELD_OUT = HeldOut.of([(str(number), "", row) for number, row in enumerate(ROWS)], 4)
TRAIN = Corpus.of(planted.bag_of([{0, 1}, {2, 3}], 4))


@pytest.mark.parametrize("cells", [1, 10**6])
def test_perplexity_predicts_every_second_word_from_the_others(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_CELLS_AT_A_TIME", cells)
    measured = measure(MODEL, HELD_OUT, TRAIN, None)
    logs = []
    for row in ROWS:
        weights = np.array([1.0 + row[::2].count(topic) for topic in range(3)])
        foretold = weights / weights.sum() @ MODEL.probabilities
        logs += [math.log(foretold[word]) for word in row[1::2]]
    assert measured.overall["perplexity"] == pytest.approx(math.exp(-sum(logs) / len(logs)), rel=1e-5)
    assert measured.scored == 3


def test_topic_shares_cover_whole_documents() -> None:
    measured = measure(MODEL, HELD_OUT, TRAIN, None)
    assert measured.topics.share.tolist() == pytest.approx(MODEL.mixtures(HELD_OUT, "all").mean(axis=0).tolist())
    # The empty document has equal weights, so its main topic is the first.
    assert measured.topics.documents.tolist() == [2, 2, 1]
    assert "wetc" not in measured.overall


def test_wetc_is_missing_if_no_topic_word_has_a_vector() -> None:
    vectors = np.full((4, 2), np.nan, np.float32)
    assert "wetc" not in measure(MODEL, HELD_OUT, TRAIN, vectors).overall


def test_npmi_of_unseen_pairs_counts_in_training_but_not_in_held_out_documents() -> None:
    apart = [[0, 0], [1], [2], [3]]
    measured = measure(MODEL, HeldOut.of([(str(row), "", words) for row, words in enumerate(apart)], 4), TRAIN, None)
    assert measured.topics.npmi.tolist() == [0, 0, 0]
    # Two of the six pairs occur, each in half of the training documents: log(2) / log(2).
    assert measured.overall["npmi_train"] == pytest.approx((2 * 1 + 4 * -1) / 6)


def test_perplexity_needs_documents_of_two_words() -> None:
    with pytest.raises(InputError, match="no test document has two words"):
        measure(MODEL, HeldOut.of([("1", "", [1])], 4), TRAIN, None)


def test_diversity_is_the_share_of_different_words() -> None:
    assert diversity(np.array([[0, 1], [2, 3]])) == 1
    assert diversity(np.array([[0, 1], [0, 1], [0, 2]])) == 0.5


def test_comparison_with_the_baseline() -> None:
    ours = {"npmi": 0.3, "c_v": 0.5, "topic_uniqueness": 0.9, "topic_diversity": 0.8, "perplexity": 900.0}
    theirs = {"npmi": 0.1, "c_v": 0.6, "topic_uniqueness": 0.9, "topic_diversity": 0.7, "perplexity": 1000.0}
    assert against(ours, theirs) == {
        "npmi": pytest.approx(0.2),
        "c_v": pytest.approx(-0.1),
        "topic_uniqueness": 0,
        "topic_diversity": pytest.approx(0.1),
        "perplexity": 0.9,
    }


def test_halves_are_every_other_word() -> None:
    assert [HELD_OUT.bags("observed").part(row, row + 1).words.tolist() for row in range(5)] == [
        [0, 1],
        [2],
        [1],
        [],
        [1],
    ]
    documents, words = HELD_OUT.scored()
    assert (documents.tolist(), words.tolist()) == ([0, 0, 1, 4, 4], [0, 3, 2, 0, 0])
    assert inputs.held_out(3).bags("all").lengths.tolist() == inputs.held_out(3).lengths.tolist()
