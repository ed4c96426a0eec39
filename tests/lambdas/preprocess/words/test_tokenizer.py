# ruff: noqa: RUF001  (these are the letters that are meant)
import json
import re
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from words.stop_words import ENGLISH
from words.tokenizer import DESCRIPTION, find_words, normalize


@given(st.one_of(st.text(), st.text(st.sampled_from(string.printable + "'’éİßｆ①हि\u094d\u200d"))))
def test_tokenizer_json_alone_gives_the_same_words(text: str) -> None:
    told = json.loads(json.dumps(DESCRIPTION))
    assert told["lowercase"]
    normalized = unicodedata.normalize(told["normalization"], text).lower()
    assert re.findall(told["pattern"], normalized) == find_words(normalize(text))


@given(st.text())
def test_words_are_letters_and_marks(text: str) -> None:
    for word in find_words(normalize(text)):
        stem = word.removesuffix("'t").removesuffix("\u2019t")
        assert stem[0].isalpha() or unicodedata.category(stem[0]).startswith("N")
        assert not re.search(r"[\s\d_]", stem)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Amazon's S3-bucket, v2_final (2024)!", ["amazon", "s", "s", "bucket", "v", "final"]),
        ("We won. We won't, they don’t; can't", ["we", "won", "we", "won't", "they", "don’t", "can't"]),
        ("it'tis o'the", ["it", "tis", "o", "the"]),
        ("Straße ÉTÉ e\u0301te\u0301 ﬁne ＡＷＳ", ["straße", "été", "été", "fine", "aws"]),
        ("Привет, мир. Γειά σου", ["привет", "мир", "γειά", "σου"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("مُحَمَّد می\u200cخواهم", ["مُحَمَّد", "می\u200cخواهم"]),
        ("ภาษาไทย", ["ภาษาไทย"]),
        ("İstanbul", ["i\u0307stanbul"]),
        ("", []),
        ("123 45.6 --- ¿?", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert find_words(normalize(text)) == words


def test_stop_words_are_tokens() -> None:
    assert len(ENGLISH) > 530
    assert {"the", "about", "don't", "won\u2019t", "whereupon"} <= ENGLISH
    assert "won" not in ENGLISH
    assert all(find_words(normalize(word)) == [word] for word in ENGLISH)
