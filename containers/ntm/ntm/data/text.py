"""Text to word ids, exactly as in preprocessing: vocabulary and tokenizer come with the data."""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ntm.common.errors import InputError
from ntm.data.bag_of_words import BagOfWords

VOCABULARY = "vocab.txt"
TOKENIZER = "tokenizer.json"

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
_FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True)
class Tokenizer:
    """Tokenizer defined by ``tokenizer.json``.

    Attributes:
        normalization: Unicode normalization form, such as NFKC.
        lowercase: Convert text to lower case.
        pattern: Regular expression of a token.
        ascii_pattern: Faster equivalent of ``pattern`` for ASCII text after normalization and lower-casing.
    """

    normalization: Form
    lowercase: bool
    pattern: re.Pattern[str]
    ascii_pattern: re.Pattern[str]

    @classmethod
    def parse(cls, content: bytes) -> "Tokenizer":
        """Read ``tokenizer.json``.

        Raises:
            InputError: It is not JSON, has another version, lacks a key, or has an unknown value.
        """
        try:
            settings = json.loads(content)
            version = settings.pop("version")
            if version != 1:
                raise InputError(f"{TOKENIZER} has version {version!r}; this image reads version 1.")
            pattern = settings["pattern"]
            ascii_pattern = settings.get("ascii_pattern", pattern)
            tokenizer = cls(
                settings["normalization"], settings["lowercase"], re.compile(pattern), re.compile(ascii_pattern)
            )
            if tokenizer.normalization not in _FORMS:
                raise InputError(f"{TOKENIZER} has normalization {settings['normalization']!r}; allowed: {_FORMS}.")
        except (ValueError, KeyError, TypeError, AttributeError, re.error) as error:
            raise InputError(f"{TOKENIZER} is not a tokenizer of version 1: {error!r}.") from None
        return tokenizer

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text, in order."""
        text = unicodedata.normalize(self.normalization, text)
        text = text.lower() if self.lowercase else text
        return (self.ascii_pattern if text.isascii() else self.pattern).findall(text)


def read_vocabulary(content: bytes, feature_dim: int) -> list[str]:
    """Read ``vocab.txt``: UTF-8, one word per line; the line number, from 0, is the word's id.

    Raises:
        InputError: It is not UTF-8, a line is blank or a duplicate, or there are not ``feature_dim`` words.
    """
    try:
        words = content.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{VOCABULARY} is not UTF-8: {error.reason} at byte {error.start}.") from None
    if len(words) != feature_dim:
        raise InputError(f"{VOCABULARY} has {len(words)} words, but feature_dim is {feature_dim}.")
    seen: dict[str, int] = {}
    for number, word in enumerate(words, start=1):
        if not word.strip():
            raise InputError(f"Line {number} of {VOCABULARY} is blank.")
        if word in seen:
            raise InputError(f"{VOCABULARY} has the word {word!r} twice, in lines {seen[word]} and {number}.")
        seen[word] = number
    return words


@dataclass(frozen=True)
class TextReader:
    """Counter of known words in texts."""

    tokenizer: Tokenizer
    ids: dict[str, int]

    def read(self, texts: Sequence[str]) -> BagOfWords:
        """Count the words of each text; words outside the vocabulary are ignored."""
        ids, feature_dim = self.ids, len(self.ids)
        words: list[int] = []
        lengths = np.zeros(len(texts), np.int64)
        for document, text in enumerate(texts):
            known = [ids[token] for token in self.tokenizer.tokens(text) if token in ids]
            words += known
            lengths[document] = len(known)
        cells = np.sort(np.repeat(np.arange(len(texts)) * feature_dim, lengths) + np.array(words, np.int64))
        first = np.flatnonzero(np.diff(cells, prepend=-1))
        documents, found = np.divmod(cells[first], feature_dim)
        offsets = np.searchsorted(documents, np.arange(len(texts) + 1))
        counts = np.diff(first, append=len(cells)).astype(np.float32)
        return BagOfWords(offsets, found.astype(np.int32), counts, feature_dim)
