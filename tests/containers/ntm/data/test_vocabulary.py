import pytest

from ntm.common.errors import InputError
from ntm.data.text import Tokenizer
from ntm.data.vocabulary import VocabularySettings, choose_vocabulary, default_tokenizer, english_stop_words

TOKENIZER = Tokenizer.parse(default_tokenizer())


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The Battery, 2 days; it's GOOD!", ["the", "battery", "days", "it", "s", "good"]),
        ("I didn't and wouldn\u2019t, can't stop", ["i", "t", "and", "t", "t", "stop"]),
        ("caf\u00e9 cafe\u0301 \ufb01le_name x2y", ["caf\u00e9", "caf\u00e9", "file", "name", "x", "y"]),
        # Vowel signs belong to the word.
        ("\u0939\u093f\u0928\u094d\u0926\u0940, 1", ["\u0939\u093f\u0928\u094d\u0926\u0940"]),
        ("", []),
    ],
)
def test_the_default_tokenizer_finds_words(text: str, tokens: list[str]) -> None:
    assert TOKENIZER.tokens(text) == tokens


def test_words_are_chosen_by_document_frequency_and_ordered_by_count() -> None:
    texts = ["apple apple pear fig", "apple pear kiwi the", "pear plum plum plum the", "pear an an an", "12 34"]
    settings = VocabularySettings(size=9, min_document_frequency=1, max_document_share=0.5, stop_words={"the"})
    # pear is in all four documents that have a word, an has two letters, the is a stop word.
    assert choose_vocabulary(texts, TOKENIZER, settings) == ["apple", "plum", "fig", "kiwi"]
    two = VocabularySettings(size=1, min_document_frequency=2, max_document_share=1.0, min_word_length=1)
    assert choose_vocabulary(texts, TOKENIZER, two) == ["pear"]


def test_an_empty_vocabulary_is_an_error() -> None:
    with pytest.raises(InputError, match=r"none of the 2 distinct words of the 1 documents .* at least 5 .* at most 0"):
        choose_vocabulary(["apple pear"], TOKENIZER, VocabularySettings())


def test_english_stop_words() -> None:
    assert {"the", "and", "would"} <= set(english_stop_words())
