"""Selection of the vocabulary."""

from array import array
from collections.abc import Iterable, Sequence

from common.errors import CorpusError

from words.documents import Documents, WordNumbers

_OUT = -1


class Vocabulary:
    """Vocabulary, sorted by descending frequency; a word's index is its ID.

    Attributes:
        words: Words of the vocabulary.
    """

    def __init__(self, words: Sequence[str], numbers: WordNumbers) -> None:
        self.words = words
        self._ids = array("i", [_OUT]) * numbers.next_number
        for word_id, word in enumerate(words):
            self._ids[numbers[word]] = word_id
        self._inside = frozenset(numbers[word] for word in words)

    def documents_inside(self, documents: Documents) -> "array[int]":
        """Return the indices of the documents that contain a word of the vocabulary."""
        return array(
            "I", [index for index in range(len(documents)) if not self._inside.isdisjoint(documents.words(index))]
        )

    def bag(self, documents: Documents, index: int) -> list[tuple[int, int]]:
        """Return a document's pairs of word ID and count, in ascending order of IDs."""
        ids = self._ids
        return sorted([(ids[number], count) for number, count in documents.bag(index) if ids[number] != _OUT])

    def ids(self, numbers: Iterable[int]) -> list[int]:
        """Return the IDs of the words that are in the vocabulary, in the given order."""
        ids = self._ids
        return [ids[number] for number in numbers if ids[number] != _OUT]


def choose_vocabulary(
    numbers: WordNumbers, train: Documents, *, size: int, min_document_frequency: int, max_document_share: float
) -> Vocabulary:
    """Return the ``size`` most frequent words within the limits of document frequency.

    Only training documents are counted, so that validation and test documents are truly unseen. Ties are broken
    alphabetically.

    Raises:
        CorpusError: No word meets the limits.
    """
    totals = array("Q", [0]) * numbers.next_number
    document_frequencies = array("I", [0]) * numbers.next_number
    for number, count in zip(train.numbers, train.counts, strict=True):
        totals[number] += count
        document_frequencies[number] += 1

    most = max_document_share * len(train)
    words = [word for word, number in numbers.items() if min_document_frequency <= document_frequencies[number] <= most]
    if not words:
        raise CorpusError(
            f"The vocabulary is empty: none of the {sum(map(bool, totals)):,} distinct words of the {len(train):,} "
            f"training documents occurs in at least min_document_frequency = {min_document_frequency} and at most "
            f"max_document_share = {max_document_share:g} of them ({int(most):,} documents); the most common word "
            f"occurs in {max(document_frequencies):,}. Change these settings in environments/<environment>.yaml, or "
            "use more documents."
        )
    words.sort(key=lambda word: (-totals[numbers[word]], word))
    return Vocabulary(words[:size], numbers)
