"""Quick reader of dense word counts in JSON: ``{"instances": [{"features": [0, 0, 3, 0, ...]}, ...]}``.

Nearly all numbers of a bag of words are 0. A general reader makes an object of each of them, millions a request; here
runs of zeros are compared with a run of zeros, and only what lies between them is parsed, by the general reader. What
is not of this form in every respect is left to the general reader as a whole.
"""

import re
from collections.abc import Iterator

import numpy as np
import orjson

from ntm.data.bag_of_words import BagOfWords, bag_of_words

_BEGIN = re.compile(rb'"features"\s*:\s*\[')
# Where more of the bytes belong to other numbers than 0, the general reader is faster.
_LARGEST_SHARE = 0.125


class DenseJsonReader:
    """Reads requests for one model."""

    def __init__(self, feature_dim: int) -> None:
        """Make a reader.

        Args:
            feature_dim: size of the model's vocabulary.
        """
        self._feature_dim = feature_dim
        self._zeros = {separator: (b"0" + separator) * feature_dim for separator in (b",", b", ")}

    def read(self, body: bytes) -> BagOfWords | None:
        """Return the documents of a request; None if it is to be read by the general reader."""
        # Most other requests say so with their first instance.
        if not _BEGIN.search(body, 0, 100):
            return None
        outside: list[bytes] = []
        after = 0
        fields: list[bytes] = []
        words: list[int] = []
        sizes = []
        for start, end in _bounds(body):
            found = self._find(body[start:end])
            if found is None:
                return None
            outside.append(body[after:start])
            after = end
            words += found[0]
            fields += found[1]
            sizes.append(len(found[0]))
        try:
            # What is outside of the brackets must be the form and nothing else.
            form = orjson.loads(b"".join([*outside, body[after:]]))
            counts = orjson.loads(b"[%b]" % b",".join(fields))
        except orjson.JSONDecodeError:
            return None
        if form != {"instances": [{"features": []}] * len(sizes)}:
            return None
        if len(counts) != len(words) or not set(map(type, counts)) <= {int, float}:
            return None
        documents = np.repeat(np.arange(len(sizes)), sizes)
        shape = (len(sizes), self._feature_dim)
        return bag_of_words(documents, np.array(words, np.int64), np.array(counts, np.float64), shape)

    def _find(self, content: bytes) -> tuple[list[int], list[bytes]] | None:
        """Return where in the inside of a list other numbers than 0 are, and these as they are written.

        None if there are not as many numbers as words, or the zeros are written in another way.
        """
        first = content.find(b",")
        separator = b", " if content[first : first + 2] == b", " else b","
        zeros, step = self._zeros[separator], 1 + len(separator)
        data = np.frombuffer(content, np.uint8)
        other = (data != ord("0")) & (data != ord(","))
        if len(separator) > 1:
            other &= data != ord(" ")
        places = np.flatnonzero(other)
        if len(places) > _LARGEST_SHARE * len(data):
            return None
        words: list[int] = []
        fields: list[bytes] = []
        word = at = 0
        for place in places.tolist():
            if place < at:
                continue  # of the number before
            start = content.rfind(separator, at, place) + len(separator)
            if start < at + len(separator):
                start = at
            end = content.find(separator, place)
            skipped, left = divmod(start - at, step)
            if left or content[at:start] != zeros[: start - at]:
                return None
            word += skipped
            words.append(word)
            fields.append(content[start:end] if end >= 0 else content[start:])
            word, at = word + 1, (end if end >= 0 else len(content)) + len(separator)
        if at <= len(content):
            rest = content[at:] + separator
            skipped, left = divmod(len(rest), step)
            if left or rest != zeros[: len(rest)]:
                return None
            word += skipped
        return (words, fields) if word == self._feature_dim else None


def _bounds(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the insides of the lists named ``features`` begin and end."""
    end = 0
    while begin := _BEGIN.search(body, end):
        end = body.find(b"]", begin.end())
        if end < 0:
            return
        yield begin.end(), end
