import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm.evaluation import layout


@given(st.lists(st.integers(0, 5), min_size=1, max_size=300), st.integers(1, 120))
def test_a_sample_has_each_topic_in_proportion(topics: list[int], size: int) -> None:
    mixtures = np.eye(6, dtype=np.float32)[topics]
    chosen = layout.sample(mixtures, size)
    assert len(chosen) == min(size, len(topics))
    assert sorted(set(chosen.tolist())) == chosen.tolist()
    there = np.bincount(topics, minlength=6)
    shown = np.bincount(np.array(topics)[chosen], minlength=6)
    assert (shown <= there).all()
    if size >= 6:
        assert ((shown > 0) == (there > 0)).all()
    expected = there * len(chosen) / len(topics)
    assert (np.abs(shown - expected) < 6).all()


def test_a_sample_is_the_same_each_time() -> None:
    mixtures = np.random.default_rng(0).dirichlet([0.1] * 8, 500).astype(np.float32)
    assert layout.sample(mixtures, 100).tolist() == layout.sample(mixtures, 100).tolist()


def test_documents_of_a_topic_are_close_on_the_map() -> None:
    random = np.random.default_rng(0)
    topics = random.integers(4, size=200)
    mixtures = 0.9 * np.eye(4)[topics] + 0.1 * random.dirichlet([1] * 4, 200)
    places = layout.place(mixtures.astype(np.float32))
    assert (places == layout.place(mixtures.astype(np.float32))).all()
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (topics[distances.argmin(axis=1)] == topics).mean() > 0.97


@pytest.mark.parametrize("documents", [1, 2, 9, 10, 12])
def test_a_map_of_few_documents(documents: int) -> None:
    mixtures = np.random.default_rng(0).dirichlet([1] * 2, documents).astype(np.float32)
    places = layout.place(mixtures)
    assert places.shape == (documents, 2)
    assert np.isfinite(places).all()


def test_similar_topics_are_neighbours() -> None:
    topics = np.array([[9, 1, 0, 0], [0, 0, 9, 1], [8, 2, 0, 0], [0, 0, 8, 2]], np.float32) / 10
    similarities = layout.similarity(topics)
    np.testing.assert_allclose(np.diagonal(similarities), 1, atol=1e-6)
    assert similarities[0, 1] == 0
    assert similarities[0, 2] > 0.9
    order = layout.similar_together(similarities).tolist()
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}
    assert sorted(layout.similar_together(layout.similarity(topics[:2])).tolist()) == [0, 1]
