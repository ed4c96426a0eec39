"""Default tokenizer and vocabulary for plain text."""

import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ntm.common.errors import InputError
from ntm.data.text import Tokenizer


def default_tokenizer() -> bytes:
    """Return a ``tokenizer.json``: words are lower-case runs of letters of any script.

    "didn't" yields no "didn", which no list of stop words contains.
    """
    # Combining marks, such as vowel signs of Indic scripts, continue a word; `re` has no character class for them.
    marks = "".join(char for char in map(chr, range(sys.maxunicode)) if unicodedata.category(char)[0] == "M")
    pattern = rf"[^\W\d_]++(?:[{marks}]++[^\W\d_]*+)*+(?!['\u2019]t\b)"
    settings = {
        "version": 1,
        "normalization": "NFKC",
        "lowercase": True,
        "pattern": pattern,
        "ascii_pattern": r"[a-z]++(?!'t\b)",
    }
    return (json.dumps(settings, indent=1) + "\n").encode()


def english_stop_words() -> Collection[str]:
    """Return scikit-learn's English stop words."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    stop_words: frozenset[str] = ENGLISH_STOP_WORDS
    return stop_words


@dataclass(frozen=True, kw_only=True)
class VocabularySettings:
    """Settings of a vocabulary.

    Attributes:
        size: Maximum number of words; the most frequent are kept.
        min_document_frequency: Minimum number of documents that contain a word.
        max_document_share: Maximum share of the non-empty documents that contain a word.
        min_word_length: Minimum length of a word, in characters.
        stop_words: Words to exclude.
    """

    size: int = 5000
    min_document_frequency: int = 5
    max_document_share: float = 0.5
    min_word_length: int = 3
    stop_words: Collection[str] = frozenset()


def choose_vocabulary(texts: Iterable[str], tokenizer: Tokenizer, settings: VocabularySettings) -> list[str]:
    """Return the vocabulary, most frequent words first, ties in alphabetical order.

    Args:
        texts: Training documents; iterated once.
        tokenizer: Tokenizer of the texts.
        settings: Settings of the vocabulary.

    Raises:
        InputError: The vocabulary would be empty.
    """
    total: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    size = 0
    for text in texts:
        found = Counter(tokenizer.tokens(text))
        size += bool(found)
        total.update(found)
        documents.update(found.keys())
    most = settings.max_document_share * size
    words = [
        word
        for word, frequency in documents.items()
        if settings.min_document_frequency <= frequency <= most
        and len(word) >= settings.min_word_length
        and word not in settings.stop_words
    ]
    if not words:
        raise InputError(
            f"The vocabulary is empty: none of the {len(documents)} distinct words of the {size} documents occurs in "
            f"at least {settings.min_document_frequency} (min document frequency) and at most {int(most)} of them "
            f"(max document share {settings.max_document_share:g}), has {settings.min_word_length} letters or more "
            "(min word length) and is not a stop word. Change one of these settings or provide more documents."
        )
    words.sort(key=lambda word: (-total[word], word))
    return words[: settings.size]
