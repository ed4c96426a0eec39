"""Reproducible synthetic corpora with Zipf's law and planted topics."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

WORDS_PER_DOCUMENT = 50

_CHUNK = 10_000
_TOPICS = 50
# Share of a document's words that belong to its only topic; the others belong to none.
_TOPIC_SHARE = 0.6


def zipf_ranks(random: np.random.Generator, shape: tuple[int, int], vocabulary: int) -> NDArray[np.int64]:
    """Return random ranks of words; rank r, from 0, has a probability proportional to 1 / (r + 1)."""
    cumulative = np.cumsum(1 / np.arange(1, vocabulary + 1))
    return np.searchsorted(cumulative, random.random(shape) * cumulative[-1], side="right").clip(max=vocabulary - 1)


def word_counts(
    documents: int, vocabulary: int, words_per_document: int = WORDS_PER_DOCUMENT, seed: int = 0
) -> Iterator[scipy.sparse.csr_matrix]:
    """Yield documents in chunks, float32 [10,000, V]; the topics do not depend on the seed.

    Each topic is a Zipf distribution over its own order of the words.
    """
    random, topics = np.random.default_rng([1, seed]), np.random.default_rng(0)
    orders = np.stack([topics.permutation(vocabulary) for _ in range(_TOPICS)]).astype(np.int32)
    for start in range(0, documents, _CHUNK):
        shape = (min(_CHUNK, documents - start), words_per_document)
        ranks = zipf_ranks(random, shape, vocabulary)
        topic = random.integers(_TOPICS, size=(shape[0], 1))
        words = np.where(random.random(shape) < _TOPIC_SHARE, orders[topic, ranks], ranks)
        offsets = np.arange(0, words.size + 1, words_per_document)
        counts = scipy.sparse.csr_matrix(
            (np.ones(words.size, np.float32), words.ravel(), offsets), (shape[0], vocabulary)
        )
        counts.sum_duplicates()
        yield counts


def write_corpus(folder: Path, documents: int, vocabulary: int) -> None:
    """Write a corpus in the suite's format, with a tenth of its documents for testing."""
    counts = scipy.sparse.vstack(list(word_counts(documents, vocabulary)), format="csr")
    folder.mkdir(parents=True, exist_ok=True)
    scipy.sparse.save_npz(folder / "train.npz", counts[documents // 10 :])
    scipy.sparse.save_npz(folder / "test.npz", counts[: documents // 10])
    (folder / "vocab.txt").write_text("".join(f"w{word}\n" for word in range(vocabulary)))


def write_texts(path: Path, size: int, words_per_document: int = 100, vocabulary: int = 200_000) -> int:
    """Write a CSV of about ``size`` bytes with ids and texts of made-up words; return the number of documents."""
    random = np.random.default_rng(0)
    letters = random.integers(ord("a"), ord("z") + 1, size=(vocabulary, 10), dtype=np.uint8)
    lengths = random.integers(3, letters.shape[1] + 1, size=vocabulary)
    words = np.array([bytes(row[:end]).decode() for row, end in zip(letters, lengths, strict=True)], object)
    documents = 0
    with path.open("w") as file:
        file.write("id,text\n")
        while file.tell() < size:
            for row in words[zipf_ranks(random, (1000, words_per_document), vocabulary)]:
                file.write(f"{documents},{' '.join(row)}\n")
                documents += 1
    return documents
