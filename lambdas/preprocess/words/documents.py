"""In-memory corpus of bags of words, held in arrays because Python objects would take too much memory."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from common.errors import CorpusError

IGNORED = 0
"""Number shared by all words that are too short or stop words."""

MAX_DISTINCT_WORDS = 4_000_000
"""Maximum number of distinct words; at about 200 bytes each they take 0.8 GB."""

MAX_ENTRIES = 120_000_000
"""Maximum number of entries (a word in a document) in a split; at 8 bytes each they take 1 GB.

A corpus of 1 GB has about half as many.
"""


class WordNumbers(dict[str, int]):
    """Mapping of distinct words to numbers, which are assigned on first lookup."""

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
        """Return the number of occurrences of each word number, without ignored words."""
        bag = Counter(map(self.__getitem__, words))
        bag.pop(IGNORED, None)
        return bag

    def check_size(self) -> None:
        """Raise an error before memory runs out.

        Raises:
            CorpusError: The corpus has too many distinct words to be prose.
        """
        if len(self) > MAX_DISTINCT_WORDS:
            raise CorpusError(
                f"The corpus has more than {MAX_DISTINCT_WORDS:,} distinct words, for example "
                f"{', '.join(list(self)[-3:])}. Check that text_columns names columns of prose, or use fewer documents."
            )


class Documents:
    """Bags of words and document IDs.

    Attributes:
        numbers: Word numbers of all documents, concatenated, each distinct word of a document once.
        counts: Count of each of these words in its document, parallel to ``numbers``.
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
            CorpusError: The documents do not fit into a function's memory.
        """
        if len(self.numbers) + len(bag) > MAX_ENTRIES:
            raise CorpusError(
                f"The corpus is too large for a Lambda function's memory: {len(self):,} documents of one split have "
                f"more than {MAX_ENTRIES:,} distinct words (summed over the documents). Use fewer documents."
            )
        self.numbers.extend(bag)
        self.counts.extend(bag.values())
        self._bag_ends.append(len(self.numbers))
        self._uids += uid.encode()
        self._uid_ends.append(len(self._uids))

    def bag(self, document: int) -> Iterator[tuple[int, int]]:
        """Yield the pairs of word number and count of a document."""
        start, end = self._bag_ends[document], self._bag_ends[document + 1]
        return zip(self.numbers[start:end], self.counts[start:end], strict=True)

    def words(self, document: int) -> "array[int]":
        """Return the word numbers of a document."""
        return self.numbers[self._bag_ends[document] : self._bag_ends[document + 1]]

    def uid(self, document: int) -> bytes:
        """Return the ID of a document in UTF-8."""
        return bytes(self._uids[self._uid_ends[document] : self._uid_ends[document + 1]])
