import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm.common.errors import InputError
from ntm.data.text import TextReader, Tokenizer, read_vocabulary

SETTINGS = {"version": 1, "normalization": "NFKC", "lowercase": True, "pattern": "[^\\W\\d_]{3,}"}


def tokenizer(**changes: object) -> Tokenizer:
    return Tokenizer.parse(json.dumps(SETTINGS | changes).encode())


def test_the_pattern_applies_after_normalisation() -> None:
    # The ligature fi and the full-width letters are the plain letters to NFKC.
    assert tokenizer().tokens("The \ufb01le of \uff21\uff37\uff33, re-read; x42 naïve\nΩΔΣ") == [
        "the",
        "file",
        "aws",
        "read",
        "naïve",
        "ωδς",
    ]
    assert tokenizer(lowercase=False).tokens("The The the") == ["The", "The", "the"]


def test_unknown_words_are_ignored() -> None:
    reader = TextReader(tokenizer(), {"bread": 0, "water": 1})
    corpus = reader.read(["Water and bread and water", "wine", ""])
    assert corpus.offsets.tolist() == [0, 2, 2, 2]
    assert (corpus.words.tolist(), corpus.counts.tolist()) == ([0, 1], [1, 2])


@given(st.lists(st.text()))
def test_any_text_is_counted(texts: list[str]) -> None:
    assert len(TextReader(tokenizer(), {"bread": 0}).read(texts)) == len(texts)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        json.dumps(SETTINGS | {"pattern": "("}).encode(),
        json.dumps(SETTINGS | {"pattern": 3}).encode(),
        json.dumps(SETTINGS | {"normalization": "NFX"}).encode(),
        json.dumps(SETTINGS | {"version": 2}).encode(),
    ],
)
def test_an_invalid_tokenizer_is_rejected(content: bytes) -> None:
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        Tokenizer.parse(content)


@pytest.mark.parametrize(
    "content", [b"bread\nwater\n", b"bread\nwater", b"bread\r\nwater\r\n", b"\xef\xbb\xbfbread\nwater"]
)
def test_a_vocabulary_has_one_word_per_line(content: bytes) -> None:
    assert read_vocabulary(content, 2) == ["bread", "water"]


def test_only_a_newline_ends_a_word() -> None:
    assert read_vocabulary("a\u2028b\nc\x0bd\n".encode(), 2) == ["a\u2028b", "c\x0bd"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a\nb\n", "vocab.txt has 2 words, but feature_dim is 3"),
        (b"", "vocab.txt has 1 words, but feature_dim is 3"),
        (b"a\n\nc\n", "Line 2 of vocab.txt is blank"),
        (b"a\nb\na\n", "the word 'a' twice, in lines 1 and 3"),
        (b"a\nb\xff\nc\n", "not UTF-8: .* at byte 3"),
    ],
)
def test_an_invalid_vocabulary_is_rejected(content: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_vocabulary(content, 3)
