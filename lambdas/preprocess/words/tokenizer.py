"""From a text to its words, in a way that serving can repeat from ``tokenizer.json`` alone."""

import re
import unicodedata
from typing import Final


def _combining_marks() -> str:
    """Return the characters that continue a word but are no letters, as the inside of a regex's character class.

    These are the combining marks (Unicode category M: the vowel signs of Indic scripts and of Thai, Hebrew and Arabic
    points, accents without a composed form), for which ``re`` has no name, and the two joiners that stand inside
    words of Persian and Indic scripts.
    """
    ranges: list[list[int]] = []
    for code in range(0x20000):
        if unicodedata.category(chr(code)).startswith("M"):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(rf"\U{first:08x}-\U{last:08x}" for first, last in ranges) + r"\u200c\u200d"


WORD_PATTERN: Final = rf"[^\W\d_]+(?:[{_combining_marks()}]+[^\W\d_]*)*(?:['\u2019]t\b)?"
"""A run of letters and their marks. An English negation stays whole: in "won't" there is no "won"."""

ASCII_WORD_PATTERN: Final = r"[a-z]+(?:'t\b)?"
"""The same words when the text is ASCII and lower case, three times as fast."""

_find_words = re.compile(WORD_PATTERN).findall
_find_ascii_words = re.compile(ASCII_WORD_PATTERN).findall

DESCRIPTION: Final[dict[str, object]] = {
    "version": 1,
    "normalization": "NFKC",
    "lowercase": True,
    "pattern": WORD_PATTERN,
    "ascii_pattern": ASCII_WORD_PATTERN,
}
"""What ``tokenizer.json`` holds: the words of a text are ``re.findall(pattern, normalize(text).lower())``.

Where that text is ASCII, ``ascii_pattern`` finds the same words.
"""


def normalize(text: str) -> str:
    """Return ``text`` in Unicode's form NFKC (https://unicode.org/reports/tr15/) and in lower case."""
    return unicodedata.normalize("NFKC", text).lower()


def find_words(normalized: str) -> list[str]:
    """Return the words of a normalised text, in order."""
    return _find_ascii_words(normalized) if normalized.isascii() else _find_words(normalized)
