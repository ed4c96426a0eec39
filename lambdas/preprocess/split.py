"""Which documents train, which validate, which test."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Literal

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def splitter(*, validation_share: float, test_share: float) -> Callable[[str], Split]:
    """Return the function from a normalised text to its split.

    The split follows from a hash of the text alone: it is the same every time, a document stays where it is when
    others come or go, and copies of a text (also with other white space) fall on one side. Test documents are taken
    from one end of the hash's range and validation documents next to them, so that a larger share only adds to a split
    what was for training. The shares hold on average, not exactly.
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
