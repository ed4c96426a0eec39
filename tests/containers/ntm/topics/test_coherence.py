import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm.data.corpus import Corpus
from ntm.topics.coherence import npmi, uniqueness, wetc
from tests.containers.ntm import planted


def npmi_of(first: int, second: int, documents: list[set[int]]) -> float:
    def share(*words: int) -> float:
        return sum(set(words) <= document for document in documents) / len(documents)

    joint = share(first, second)
    if joint in (0, 1):
        return 1.0 if joint else -1.0
    return math.log(joint / (share(first) * share(second))) / -math.log(joint)


@given(
    st.lists(st.sets(st.integers(0, 14), min_size=1), min_size=1, max_size=600),
    st.lists(st.permutations(range(15)), min_size=1, max_size=4),
)
def test_npmi_is_the_mean_over_the_pairs_of_ten_words(documents: list[set[int]], words: list[list[int]]) -> None:
    expected = [np.mean([npmi_of(*pair, documents) for pair in itertools.combinations(row[:10], 2)]) for row in words]
    found = npmi(np.array(words), Corpus.of(planted.bag_of(documents, 15)))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_npmi_by_hand() -> None:
    # Of four documents, two contain both 0 and 1; each occurs in three.
    corpus = Corpus.of(planted.bag_of([{0, 1}, {0, 1}, {0, 2}, {1, 2}], 4))
    expected = math.log((2 / 4) / (3 / 4 * 3 / 4)) / -math.log(2 / 4)
    assert npmi(np.array([[0, 1]]), corpus).tolist() == pytest.approx([expected])
    assert npmi(np.array([[0, 3]]), corpus).tolist() == [-1]
    assert npmi(np.array([[0, 3]]), corpus, unseen=0).tolist() == [0]
    assert npmi(np.array([[0, 1, 3]]), corpus, unseen=0).tolist() == pytest.approx([expected / 3])
    assert npmi(np.array([[0]]), corpus).tolist() == [0]


def test_npmi_over_several_hosts_equals_npmi_over_all_documents() -> None:
    documents = [{0, 1}, {0, 1, 2}, {2}, {1, 2}, {0, 2}, {0}]
    words = np.array([[0, 1, 2], [2, 1, 0]])
    whole = npmi(words, Corpus.of(planted.bag_of(documents, 3)))
    parts = [Corpus.of(planted.bag_of(part, 3)) for part in (documents[:2], documents[2:])]
    sums: list[list[np.ndarray]] = []

    def record(counts: np.ndarray) -> np.ndarray:
        sums[-1].append(counts)
        return counts

    for part in parts:
        sums.append([])
        npmi(words, part, record)
    added = map(np.add, *sums)
    np.testing.assert_allclose(npmi(words, parts[0], lambda _: next(added)), whole)


def test_uniqueness() -> None:
    words = np.array([[0, 1, 2, 3], [0, 4, 5, 6], [0, 4, 7, 8]])
    assert uniqueness(words).tolist() == pytest.approx(
        [(1 / 3 + 3) / 4, (1 / 3 + 1 / 2 + 2) / 4, (1 / 3 + 1 / 2 + 2) / 4]
    )


def test_wetc_is_the_mean_cosine_of_the_pairs_that_have_vectors() -> None:
    vectors = np.array([[2, 0], [0, 3], [1, 1], [-1, 0], [np.nan, np.nan]], np.float32)
    found = wetc(np.array([[0, 1, 2], [0, 3, 4], [4, 0, 4]]), vectors)
    np.testing.assert_allclose(found, [(0 + 2 * 0.5**0.5) / 3, -1, np.nan], atol=1e-6)
    # Only ten words count.
    many = np.array([[*range(10), 10]])
    assert wetc(many, np.array([[1, 0]] * 10 + [[-1, 0]], np.float32)).tolist() == [1]
