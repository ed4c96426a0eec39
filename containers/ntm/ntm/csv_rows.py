"""Reader of dense word counts in CSV: a document a line, ``feature_dim`` numbers in it, no header."""

import io

import numpy as np

from ntm.bag_of_words import BagOfWords, bag_of_words
from ntm.errors import InputError


def read_csv(content: bytes, feature_dim: int) -> BagOfWords:
    """Read documents from CSV; blank lines and spaces count for nothing.

    Raises:
        InputError: the content is not UTF-8, a field is not a number, a line has not ``feature_dim`` fields, or a
            number is not a word count.
    """
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"The CSV is not UTF-8: {error.reason} at byte {error.start}.") from None
    numbers = [number for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbers:
        return bag_of_words(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), (0, feature_dim))
    for number in numbers:
        if (fields := lines[number - 1].count(",") + 1) != feature_dim:
            raise InputError(f"Line {number} has {fields} fields; feature_dim is {feature_dim}: they must be equal.")
    try:
        dense = np.loadtxt(io.StringIO("\n".join(lines)), delimiter=",", comments=None, ndmin=2)
    except ValueError as error:
        raise InputError(f"The CSV has a field that is not a number: {error}.") from None
    documents, words = np.nonzero(dense)
    return bag_of_words(documents, words, dense[documents, words], (len(dense), feature_dim))
