"""A corpus in memory: bags of words in arrays, since a Python object for each word of each document takes too much."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from common.errors import CorpusError

IGNORED = 0
"""The number of every word that is too short or a stop word."""

MAX_DISTINCT_WORDS = 4_000_000
"""At about 200 bytes each they take 0.8 GB."""

MAX_ENTRIES = 120_000_000
"""So many words of documents in one split; at 8 bytes each they take 1 GB. A corpus of 1 GB has about half as many."""


class WordNumbers(dict[str, int]):
    """A number for each distinct word of a corpus, given when the word is first looked up."""

    def __init__(self, *, min_length: int, ignored: Collection[str]) -> None:
        super().__init__()
        self._min_length = min_length
        self._ignored = ignored
        self.next_number = IGNORED + 1

    def __missing__(self, word: str) -> int:
        if len(word) < self._min_length or word in self._ignored:
            self[word] = IGNORED
            return IGNORED
        number = self[word] = self.next_number
        self.next_number += 1
        return number

    def bag(self, words: Iterable[str]) -> Counter[int]:
        """Return how often each word's number occurs, without the ignored words."""
        bag = Counter(map(self.__getitem__, words))
        bag.pop(IGNORED, None)
        return bag

    def check_size(self) -> None:
        """Stop before memory does.

        Raises:
            CorpusError: when there are more distinct words than any language has.
        """
        if len(self) > MAX_DISTINCT_WORDS:
            raise CorpusError(
                f"The corpus has more than {MAX_DISTINCT_WORDS:,} distinct words, for instance "
                f"{', '.join(list(self)[-3:])}: do text_columns name columns of prose? If so, give fewer documents."
            )


class Documents:
    """Bags of words and the documents' ids.

    Attributes:
        numbers: of the words of all documents, one document after another, each word of a document once.
        counts: how often each of them occurs in its document; as long as ``numbers``.
    """

    def __init__(self) -> None:
        self.numbers = array("I")
        self.counts = array("I")
        self._bag_ends = array("Q", [0])
        self._uids = bytearray()
        self._uid_ends = array("Q", [0])

    def __len__(self) -> int:
        return len(self._bag_ends) - 1

    def append(self, uid: str, bag: Counter[int]) -> None:
        """Add a document.

        Raises:
            CorpusError: when the documents no longer fit into a function's memory.
        """
        if len(self.numbers) + len(bag) > MAX_ENTRIES:
            raise CorpusError(
                f"The corpus is too large for a function's memory: in one split, {len(self):,} documents hold more "
                f"than {MAX_ENTRIES:,} different words (summed over the documents). Give fewer documents."
            )
        self.numbers.extend(bag)
        self.counts.extend(bag.values())
        self._bag_ends.append(len(self.numbers))
        self._uids += uid.encode()
        self._uid_ends.append(len(self._uids))

    def bag(self, document: int) -> Iterator[tuple[int, int]]:
        """Yield the (word's number, count) pairs of a document."""
        start, end = self._bag_ends[document], self._bag_ends[document + 1]
        return zip(self.numbers[start:end], self.counts[start:end], strict=True)

    def words(self, document: int) -> "array[int]":
        """Return the numbers of a document's words."""
        return self.numbers[self._bag_ends[document] : self._bag_ends[document + 1]]

    def uid(self, document: int) -> bytes:
        """Return a document's id in UTF-8."""
        return bytes(self._uids[self._uid_ends[document] : self._uid_ends[document + 1]])
