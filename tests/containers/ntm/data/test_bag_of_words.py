import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm.data.bag_of_words import BagOfWords, bag_of_words, concatenate


def _of(rows: list[dict[int, int]]) -> BagOfWords:
    entries = [(number, word, count) for number, row in enumerate(rows) for word, count in row.items()]
    columns = np.array(entries, np.int64).reshape(-1, 3).T
    return bag_of_words(columns[0], columns[1], columns[2].astype(float), (len(rows), 50))


def _rows(corpus: BagOfWords) -> list[dict[int, int]]:
    slices = [slice(*pair) for pair in zip(corpus.offsets, corpus.offsets[1:], strict=False)]
    return [dict(zip(corpus.words[part].tolist(), corpus.counts[part].tolist(), strict=True)) for part in slices]


DOCUMENTS = st.lists(st.dictionaries(st.integers(0, 49), st.integers(1, 1000), max_size=8), max_size=8)


@given(DOCUMENTS, st.data())
def test_rows_are_picked_in_the_order_asked_for(rows: list[dict[int, int]], data: st.DataObject) -> None:
    corpus = _of(rows)
    index = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10) if rows else st.just([]))
    assert _rows(corpus.rows(np.array(index, np.int64))) == [rows[number] for number in index]
    assert _rows(corpus.non_empty()) == [row for row in rows if row]
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(rows))] * 2)))
    assert _rows(corpus.part(start, stop)) == rows[start:stop]
    assert corpus.lengths.tolist() == [sum(row.values()) for row in rows]


@given(st.lists(DOCUMENTS, max_size=4))
def test_concatenation_keeps_order(parts: list[list[dict[int, int]]]) -> None:
    whole = concatenate([_of(rows) for rows in parts], 50)
    assert _rows(whole) == [row for rows in parts for row in rows]
    assert whole.offsets.dtype == np.int64
    assert whole.words.dtype == np.int32
    assert whole.counts.dtype == np.float32


def test_entries_in_any_order_give_the_same_bag() -> None:
    corpus = bag_of_words(np.array([1, 0, 1, 1]), np.array([7, 3, 2, 7]), np.array([1.0, 0.0, 4.0, 2.0]), (3, 50))
    assert _rows(corpus) == [{}, {2: 4, 7: 3}, {}]


@pytest.mark.parametrize("size", [0, 1])
def test_a_bag_without_entries(size: int) -> None:
    none = np.zeros(0, np.int64)
    corpus = bag_of_words(none, none, none.astype(float), (size, 50))
    assert _rows(corpus) == [{}] * size
