import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm.data.bag_of_words import BagOfWords
from ntm.data.batch import Batch, batches, even_sizes
from tests.containers.ntm import jobs, planted


@given(st.integers(0, 10_000), st.integers(1, 500))
def test_batches_have_nearly_equal_sizes(documents: int, batches: int) -> None:
    sizes = even_sizes(documents, batches)
    assert len(sizes) == batches
    assert sum(sizes) == documents
    assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.integers(0, 9), max_size=8), st.data())
def test_batches_keep_the_documents_and_their_order(chunks: list[int], data: st.DataObject) -> None:
    bag = planted.corpus(sum(chunks), 0)[0]
    ends = np.cumsum(chunks).tolist()
    parts = [bag.part(end - size, end) for size, end in zip(chunks, ends, strict=True)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(bag)), max_size=5)))
    sizes = np.diff([0, *cuts]).tolist()
    found = list(batches(parts, sizes, bag.feature_dim, torch.device("cpu")))
    assert [len(batch) for batch in found] == sizes
    for batch, start in zip(found, np.cumsum([0, *sizes]), strict=False):
        same(batch, Batch.of(bag.part(start, start + len(batch)), torch.device("cpu")))


def same(one: Batch, other: Batch) -> None:
    for name, value in vars(one).items():
        assert value.tolist() == vars(other)[name].tolist(), name


def test_a_batch_is_sorted_both_ways() -> None:
    bag = planted.corpus(20, 1)[0]
    for feature_dim in (bag.feature_dim, 2**16 + 1):
        wide = BagOfWords(bag.offsets, bag.words, bag.counts, feature_dim)
        batch = Batch.of(wide, torch.device("cpu"))
        assert len(batch) == 20
        counts = jobs.dense(bag)
        assert batch.lengths.tolist() == counts.sum(axis=1).tolist()
        for word in (0, 57, bag.feature_dim - 1):
            entries = batch.by_word[batch.word_offsets[word] : batch.word_offsets[word + 1]]
            assert batch.documents[entries].tolist() == np.flatnonzero(counts[:, word]).tolist()
        assert len(batch.word_offsets) == feature_dim + 1
        first, last = batch.entries(3, 5)
        assert set(batch.documents[first:last].tolist()) == {3, 4}
