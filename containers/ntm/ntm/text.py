"""From text to words' ids, exactly as preprocessing did it: the vocabulary and the tokenizer come with the data."""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ntm.bag_of_words import BagOfWords, bag_of_words
from ntm.errors import InputError

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
    """

    normalization: Form
    lowercase: bool
    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, content: bytes) -> "Tokenizer":
        """Read ``tokenizer.json``.

        Raises:
            InputError: it is not JSON, is of another version, or has a key or value that is not known.
        """
        try:
            settings = json.loads(content)
            version = settings.pop("version")
            if version != 1:
                raise InputError(f"{TOKENIZER} has version {version!r}; this image reads version 1.")
            tokenizer = cls(settings["normalization"], settings["lowercase"], re.compile(settings["pattern"]))
            if tokenizer.normalization not in _FORMS:
                raise InputError(f"{TOKENIZER} has normalization {settings['normalization']!r}; allowed: {_FORMS}.")
        except (ValueError, KeyError, TypeError, AttributeError, re.error) as error:
            raise InputError(f"{TOKENIZER} is not a tokenizer of version 1: {error!r}.") from None
        return tokenizer

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text, in order."""
        text = unicodedata.normalize(self.normalization, text)
        return self.pattern.findall(text.lower() if self.lowercase else text)


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
        found = [[self.ids[token] for token in self.tokenizer.tokens(text) if token in self.ids] for text in texts]
        documents = np.repeat(np.arange(len(texts)), [len(words) for words in found])
        words = np.fromiter((word for words in found for word in words), np.int64, len(documents))
        return bag_of_words(documents, words, np.ones(len(words)), (len(texts), len(self.ids)))
