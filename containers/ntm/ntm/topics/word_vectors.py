"""Word vectors for WETC coherence: ``vectors.txt`` in the auxiliary channel.

The format is GloVe's (https://nlp.stanford.edu/projects/glove/): each line has a word and d numbers, separated by
spaces. Word2vec's text format, which starts with a line of two numbers, is also supported.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ntm.common.errors import InputError
from ntm.network.inference import Array
from ntm.topics import coherence
from ntm.topics.topics import Topics

VECTORS = "vectors.txt"


def read_word_vectors(path: Path, words: Sequence[str]) -> Array:
    """Read the vectors of a vocabulary; vectors of other words take no memory.

    Args:
        path: Text file, UTF-8.
        words: Vocabulary of V words.

    Returns:
        float32 [V, d]; NaN for words without a vector or with a zero vector.

    Raises:
        InputError: No word has a vector, or the line of a word does not have d finite numbers.
    """
    wanted = {word.encode(): number for number, word in enumerate(words)}
    vectors: Array = np.zeros((len(words), 0), np.float32)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not vectors.size:
                fields = line.split()
                if number == 1 and len(fields) == 2 and all(map(bytes.isdigit, fields)):
                    continue
                vectors = np.full((len(words), max(1, len(fields) - 1)), np.nan, np.float32)
            # The first line of a word counts: files are sorted by frequency.
            word = wanted.pop(line.partition(b" ")[0].strip(), None)
            if word is not None:
                vectors[word] = _numbers(line, vectors.shape[1], f"{path.name}, line {number}")
    vectors[~vectors.any(axis=1)] = np.nan
    if np.isnan(vectors).all():
        raise InputError(f"{path.name} has no vector for any of the {len(words)} words of the vocabulary.")
    return vectors


def _numbers(line: bytes, dimension: int, place: str) -> Array:
    word, *fields = line.split()
    try:
        with np.errstate(over="ignore"):
            numbers = np.array([float(field) for field in fields], np.float32)
    except ValueError:
        raise InputError(f"{place}, is {line[:80]!r}; expected a word and numbers.") from None
    if len(numbers) != dimension or not np.isfinite(numbers).all():
        raise InputError(
            f"{place}, has {len(numbers)} numbers for the word {word.decode()}; expected {dimension} finite ones, "
            "like the first line."
        )
    return numbers


def with_wetc(topics: Topics, vectors: Array) -> Topics:
    """Return the topics with their WETC coherence, given word vectors [V, d]."""
    return dataclasses.replace(topics, wetc=coherence.wetc(topics.words, vectors))


def mean_of_known(scores: NDArray[np.float64]) -> float:
    """Return the mean over the topics that have a score; NaN if none has."""
    known = scores[np.isfinite(scores)]
    return float(known.mean()) if len(known) else float("nan")
