"""From text to words' ids, exactly as preprocessing did it: the vocabulary and the tokenizer come with the data."""

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
    """How a text becomes tokens: what ``tokenizer.json`` says.

    Attributes:
        normalization: a Unicode normalization form, such as NFKC.
        lowercase: whether the text is lower-cased.
        pattern: what is a token.
        ascii_pattern: what finds the same tokens faster in ASCII that is normalised and, if so, in lower case.
    """

    normalization: Form
    lowercase: bool
    pattern: re.Pattern[str]
    ascii_pattern: re.Pattern[str]

    @classmethod
    def parse(cls, content: bytes) -> "Tokenizer":
        """Read ``tokenizer.json``.

        Raises:
            InputError: it is not JSON, is of another version, lacks a key, or has a value that is not known.
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
    """Read ``vocab.txt``: UTF-8, a word a line, the line's number (from 0) is the word's id.

    Raises:
        InputError: it is not UTF-8, a line is blank or repeats another, or there are not ``feature_dim`` words.
    """
    try:
        words = content.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{VOCABULARY} is not UTF-8: {error.reason} at byte {error.start}.") from None
    if len(words) != feature_dim:
        raise InputError(f"{VOCABULARY} has {len(words)} words; feature_dim is {feature_dim}: they must be equal.")
    seen: dict[str, int] = {}
    for number, word in enumerate(words, start=1):
        if not word.strip():
            raise InputError(f"{VOCABULARY} has no word in line {number}.")
        if word in seen:
            raise InputError(f"{VOCABULARY} has the word {word!r} twice, in lines {seen[word]} and {number}.")
        seen[word] = number
    return words


@dataclass(frozen=True)
class TextReader:
    """Counts the known words of texts."""

    tokenizer: Tokenizer
    ids: dict[str, int]

    def read(self, texts: Sequence[str]) -> BagOfWords:
        """Count the words of each text; words outside the vocabulary count for nothing."""
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
