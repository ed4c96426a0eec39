import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm.topics.pruning import survivors, topics_at


def test_duplicate_and_dead_topics_are_dropped() -> None:
    words = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 2, 3], [8, 9, 10, 11], [12, 13, 14, 15]])
    coherence = np.array([0.4, 0.2, 0.5, -0.6, 0.3])
    # Of two duplicates, the less coherent one is dropped; the other is then unique and stays.
    assert survivors(words, coherence, 3).tolist() == [1, 2, 4]
    assert survivors(words, coherence, 5).tolist() == [0, 1, 2, 3, 4]
    assert survivors(words, coherence, 1).tolist() == [2]


@given(st.integers(1, 1000), st.floats(1, 3))
def test_the_number_of_topics_falls_from_all_to_the_requested_number(wanted: int, surplus: float) -> None:
    numbers = [topics_at(progress, wanted, surplus) for progress in np.linspace(0, 1, 200)]
    assert numbers[0] == min(round(surplus * wanted), wanted + 60)
    assert numbers[-1] == wanted
    assert numbers == sorted(numbers, reverse=True)


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_without_a_surplus_nothing_is_dropped(progress: float) -> None:
    assert topics_at(progress, 20, 1.0) == 20
