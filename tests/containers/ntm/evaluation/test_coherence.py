import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm.evaluation import coherence
from ntm.evaluation.coherence import c_v
from ntm.evaluation.heldout import HeldOut


def documents_of(rows: list[list[int]], feature_dim: int) -> HeldOut:
    return HeldOut.of([(str(number), "", row) for number, row in enumerate(rows)], feature_dim)


def naive(topic: list[int], rows: list[list[int]], window: int) -> float:
    windows = [set(row[at : at + window]) for row in rows for at in range(max(1, len(row) - window + 1))]

    def share(*words: int) -> float:
        return sum(set(words) <= seen for seen in windows) / len(windows)

    def npmi(one: int, other: int) -> float:
        if not share(one) * share(other):
            return 0.0
        joint = share(one, other) + 1e-12
        return math.log(joint / (share(one) * share(other))) / -math.log(joint)

    vectors = [np.array([npmi(one, other) for other in topic]) for one in topic]
    whole = sum(vectors, np.zeros(len(topic)))
    lengths = [float(np.linalg.norm(vector) * np.linalg.norm(whole)) for vector in vectors]
    return float(
        np.mean([vector @ whole / length if length else 0 for vector, length in zip(vectors, lengths, strict=True)])
    )


@given(
    st.lists(st.lists(st.integers(0, 7), max_size=20), min_size=1, max_size=12),
    st.lists(st.permutations(range(8)).map(lambda words: words[:4]), min_size=1, max_size=3),
    st.integers(1, 9),
)
def test_c_v_follows_its_definition(rows: list[list[int]], topics: list[list[int]], window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coherence, "_WINDOW", window)
        # A size at which blocks end within documents.
        patch.setattr(coherence, "_WINDOWS_AT_A_TIME", 5)
        found = c_v(np.array(topics), documents_of(rows, 8))
    np.testing.assert_allclose(found, [naive(topic, rows, window) for topic in topics], atol=1e-6)


def test_c_v_equals_gensims() -> None:
    """Numbers from gensim 4.4.0: ``CoherenceModel(..., coherence="c_v").get_coherence_per_topic()``.

    gensim's sliding windows are wrong: a word that leaves a window counts as absent even if it occurs in it again, and
    windows without any topic's words do not count. Here no window slides, and a fourth topic contained all other words.
    """
    chance = random.Random(7)
    rows = []
    for number in range(60):
        length = [3, 12, 40, 7, 25][number % 5]
        own = 8 * (number % 3)
        rows.append(
            [chance.randrange(8) + own if chance.random() < 0.6 else chance.randrange(24) for _ in range(length)]
        )
    topics = np.array([[0, 1, 2, 3, 4], [8, 9, 10, 11, 12], [16, 17, 18, 19, 20]])
    assert c_v(topics, documents_of(rows, 24)).tolist() == pytest.approx(
        [0.798899358424134, 0.7944263167203037, 0.8719407265383831], abs=1e-9
    )


def test_only_the_ten_best_words_count() -> None:
    rows = [[word, (word + 1) % 12] for word in range(12)]
    words = np.array([list(range(12))])
    assert c_v(words, documents_of(rows, 12)) == c_v(words[:, :10], documents_of(rows, 12))
