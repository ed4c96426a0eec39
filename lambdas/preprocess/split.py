"""Assignment of documents to the train, validation and test splits."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Literal

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def splitter(*, validation_share: float, test_share: float) -> Callable[[str], Split]:
    """Return a function that maps a normalized text to its split.

    The split depends only on a hash of the text. It is deterministic, a document keeps its split when others are added
    or removed, and copies of a text (even with different white space) land in the same split. Test documents come from
    one end of the hash range and validation documents are next to them, so a larger share only takes documents from
    training. The shares hold on average, not exactly.
    """
    test_end = int(test_share * 2**64)
    validation_end = int((test_share + validation_share) * 2**64)

    def split(normalized: str) -> Split:
        text = " ".join(normalized.split())
        position = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
        if position < test_end:
            return "test"
        return "validation" if position < validation_end else "train"

    return split
