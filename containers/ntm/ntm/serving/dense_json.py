"""Fast reader of dense word counts in JSON: ``{"instances": [{"features": [0, 0, 3, 0, ...]}, ...]}``.

Nearly all numbers of a bag of words are 0. A JSON parser creates an object for each, millions per request. Here, runs
of zeros are compared with a constant, and only the numbers between them are parsed. A request of any other form is left
to the JSON parser entirely.
"""

import re
from collections.abc import Iterator

import numpy as np
import orjson

from ntm.data.bag_of_words import BagOfWords, bag_of_words

_BEGIN = re.compile(rb'"features"\s*:\s*\[')
# If non-zero numbers take up a larger share of the bytes, the JSON parser is faster.
_LARGEST_SHARE = 0.125


class DenseJsonReader:
    """Reader of requests for one model."""

    def __init__(self, feature_dim: int) -> None:
        """Create a reader.

        Args:
            feature_dim: Size of the model's vocabulary.
        """
        self._feature_dim = feature_dim
        self._zeros = {separator: (b"0" + separator) * feature_dim for separator in (b",", b", ")}

    def read(self, body: bytes) -> BagOfWords | None:
        """Return the documents of a request; None if the JSON parser must read it."""
        # Most other requests already differ in their first instance.
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
            # Outside of the lists, the request must have exactly this form.
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
        """Return the indices of the non-zero numbers in a list's content, and their text.

        Return None if the number of values is wrong, or if zeros are not written as ``0``.
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
                continue  # part of the previous number
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
    """Yield the start and end of the content of each list named ``features``."""
    end = 0
    while begin := _BEGIN.search(body, end):
        end = body.find(b"]", begin.end())
        if end < 0:
            return
        yield begin.end(), end
