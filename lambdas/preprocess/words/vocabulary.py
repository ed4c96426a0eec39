"""Which words count."""

from array import array
from collections.abc import Iterable, Sequence

from common.errors import CorpusError

from words.documents import Documents, WordNumbers

_OUT = -1


class Vocabulary:
    """The words that count, the most frequent first; a word's place is its id.

    Attributes:
        words: the vocabulary.
    """

    def __init__(self, words: Sequence[str], numbers: WordNumbers) -> None:
        self.words = words
        self._ids = array("i", [_OUT]) * numbers.next_number
        for word_id, word in enumerate(words):
            self._ids[numbers[word]] = word_id
        self._inside = frozenset(numbers[word] for word in words)

    def documents_inside(self, documents: Documents) -> "array[int]":
        """Return the indices of the documents that hold a word of the vocabulary."""
        return array(
            "I", [index for index in range(len(documents)) if not self._inside.isdisjoint(documents.words(index))]
        )

    def bag(self, documents: Documents, index: int) -> list[tuple[int, int]]:
        """Return the (id, count) pairs of a document's words of the vocabulary, ids ascending."""
        ids = self._ids
        return sorted([(ids[number], count) for number, count in documents.bag(index) if ids[number] != _OUT])

    def ids(self, numbers: Iterable[int]) -> list[int]:
        """Return the ids of those words that are of the vocabulary, in their order."""
        ids = self._ids
        return [ids[number] for number in numbers if ids[number] != _OUT]


def choose_vocabulary(
    numbers: WordNumbers, train: Documents, *, size: int, min_document_frequency: int, max_document_share: float
) -> Vocabulary:
    """Return the words within the limits of document frequency, of these the ``size`` most frequent.

    Frequencies are those in the training documents, so that what validation and test measure is what happens to
    documents that nobody has seen. Words of equal frequency are in alphabetical order.

    Raises:
        CorpusError: when no word is within the limits.
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
            f"training documents is in at least min_document_frequency = {min_document_frequency} and in at most "
            f"max_document_share = {max_document_share:g} of them ({int(most):,} documents); the most widespread word "
            f"is in {max(document_frequencies):,}. Change these settings in environments/<environment>.yaml, or give "
            "more documents."
        )
    words.sort(key=lambda word: (-totals[numbers[word]], word))
    return Vocabulary(words[:size], numbers)
