"""A tokenizer and a vocabulary for texts that come with neither."""

import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ntm.common.errors import InputError
from ntm.data.text import Tokenizer


def default_tokenizer() -> bytes:
    """Return a ``tokenizer.json``: words are runs of letters of any script, in lower case.

    There is no "didn" in "didn't": no list of stop words would have it.
    """
    # Vowel signs of Indic scripts, accents without a composed form and the like go on with a word; `re` has no class
    # for them.
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
    """Return English words that say nothing about a text's topic."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    stop_words: frozenset[str] = ENGLISH_STOP_WORDS
    return stop_words


@dataclass(frozen=True, kw_only=True)
class VocabularySettings:
    """Which words count.

    Attributes:
        size: at most so many words, the most frequent ones.
        min_document_frequency: a word is in at least so many documents ...
        max_document_share: ... and in at most this share of those that have a word.
        min_word_length: in characters.
        stop_words: words that never count.
    """

    size: int = 5000
    min_document_frequency: int = 5
    max_document_share: float = 0.5
    min_word_length: int = 3
    stop_words: Collection[str] = frozenset()


def choose_vocabulary(texts: Iterable[str], tokenizer: Tokenizer, settings: VocabularySettings) -> list[str]:
    """Return the words that count, the most frequent first, those of equal frequency in alphabetical order.

    Args:
        texts: the documents to train on; they are gone through once.
        tokenizer: what finds their words.
        settings: which words count.

    Raises:
        InputError: no word counts.
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
            f"The vocabulary is empty: none of the {len(documents)} distinct words of the {size} documents is in at "
            f"least {settings.min_document_frequency} (min document frequency) and at most {int(most)} of them (max "
            f"document share {settings.max_document_share:g}), has {settings.min_word_length} letters or more (min "
            "word length) and is no stop word. Change one of these, or give more documents."
        )
    words.sort(key=lambda word: (-total[word], word))
    return words[: settings.size]
