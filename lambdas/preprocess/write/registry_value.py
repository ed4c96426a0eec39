"""Text in the form that the model registry accepts.

A value of ``CustomerMetadataProperties`` has at most 256 letters, digits, spaces and ``_.:/=+-@``; see
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html.
"""

from __future__ import annotations

import unicodedata

_LONGEST = 256
_CUT = "..."


def registry_value(text: str) -> str:
    """Return a text with other characters as in quoted-printable: ``reviews (1).csv`` is ``reviews =281=29.csv``.

    Of a text that is too long, only the end is kept, after three dots.
    """
    quoted = [_quoted(character) for character in text]
    if sum(map(_length, quoted)) <= _LONGEST:
        return "".join(quoted)
    left, kept = _LONGEST - len(_CUT), len(quoted)
    while (length := _length(quoted[kept - 1])) <= left:
        left -= length
        kept -= 1
    return _CUT + "".join(quoted[kept:])


def _quoted(character: str) -> str:
    if character in "_.:/+-@" or unicodedata.category(character)[0] in "LNZ":
        return character
    return "".join(f"={byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _length(text: str) -> int:
    """Return the length that Java counts, in units of UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
