"""Serving and preprocessing tokenize identically, without shared code."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm.data.text import Tokenizer
from ntm.data.vocabulary import default_tokenizer
from topicsmith.corpora.demo_corpus import demo_documents

LAMBDA = Path(__file__).parents[4] / "lambdas" / "preprocess" / "words" / "tokenizer.py"
TEXTS = st.one_of(st.text(), st.text("ab c'’-3_éİßｆ①हि\u094d\u200d\u0301\x1c\n"))  # noqa: RUF001


@pytest.fixture(scope="module")
def preprocessing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("preprocessing_tokenizer", LAMBDA)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tokenizer(preprocessing: ModuleType) -> Tokenizer:
    return Tokenizer.parse(json.dumps(preprocessing.DESCRIPTION).encode())


def test_in_the_whole_demo_corpus(preprocessing: ModuleType, tokenizer: Tokenizer) -> None:
    documents = 0
    for uid, _, text in demo_documents():
        assert tokenizer.tokens(text) == preprocessing.find_words(preprocessing.normalize(text)), uid
        documents += 1
    assert documents > 10_000


@given(TEXTS)
def test_in_any_text(preprocessing: ModuleType, tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.tokens(text) == preprocessing.find_words(preprocessing.normalize(text))


@pytest.fixture(scope="module")
def pairs(preprocessing: ModuleType) -> list[tuple[Tokenizer, Tokenizer]]:
    """Return tokenizers with and without their ASCII pattern."""
    described = [json.loads(default_tokenizer()), preprocessing.DESCRIPTION]
    slow = [{name: value for name, value in one.items() if name != "ascii_pattern"} for one in described]
    with_it, without = ([Tokenizer.parse(json.dumps(one).encode()) for one in some] for some in (described, slow))
    assert all(one.pattern != one.ascii_pattern for one in with_it)
    return list(zip(with_it, without, strict=True))


@given(TEXTS)
def test_the_ascii_pattern_finds_the_same_tokens(pairs: list[tuple[Tokenizer, Tokenizer]], text: str) -> None:
    for fast, slow in pairs:
        assert fast.tokens(text) == slow.tokens(text)
