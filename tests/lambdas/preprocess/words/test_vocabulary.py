from collections import Counter

import pytest
from common.errors import CorpusError
from hypothesis import given
from hypothesis import strategies as st
from words import documents as documents_module
from words.documents import Documents, WordNumbers
from words.vocabulary import choose_vocabulary

corpora = st.lists(
    st.lists(st.sampled_from(["the", "it", "été", *(c * 3 for c in "abcdefgh")]), min_size=1), min_size=1
)


def collect(
    texts: list[list[str]], min_length: int = 3, ignored: frozenset[str] = frozenset({"the"})
) -> tuple[WordNumbers, Documents]:
    numbers, documents = WordNumbers(min_length=min_length, ignored=ignored), Documents()
    for index, words in enumerate(texts):
        documents.append(f"№{index}", numbers.bag(words))
    return numbers, documents


@given(corpora, st.integers(1, 5), st.floats(0.1, 1), st.integers(1, 8))
def test_limits_select_exactly_the_matching_words(texts: list[list[str]], least: int, share: float, size: int) -> None:
    numbers, documents = collect(texts)
    counts = Counter(word for words in texts for word in words)
    frequencies = Counter(word for words in texts for word in set(words))
    candidates = [
        word
        for word in sorted(counts, key=lambda word: (-counts[word], word))
        if word not in {"the", "it"} and least <= frequencies[word] <= share * len(texts)
    ]
    if not candidates:
        with pytest.raises(CorpusError, match="The vocabulary is empty"):
            choose_vocabulary(numbers, documents, size=size, min_document_frequency=least, max_document_share=share)
        return
    vocabulary = choose_vocabulary(
        numbers, documents, size=size, min_document_frequency=least, max_document_share=share
    )
    assert vocabulary.words == candidates[:size]

    bags = [Counter(word for word in words if word in vocabulary.words) for words in texts]
    assert list(vocabulary.documents_inside(documents)) == [index for index, bag in enumerate(bags) if bag]
    for index, bag in enumerate(bags):
        assert vocabulary.bag(documents, index) == sorted(
            (vocabulary.words.index(word), count) for word, count in bag.items()
        )
        assert documents.uid(index).decode() == f"№{index}"


def test_empty_vocabulary_error_names_the_settings_to_change() -> None:
    numbers, documents = collect([["abc", "abd"], ["abc"]])
    with pytest.raises(CorpusError) as caught:
        choose_vocabulary(numbers, documents, size=9, min_document_frequency=5, max_document_share=0.5)
    assert str(caught.value).startswith(
        "The vocabulary is empty: none of the 2 distinct words of the 2 training documents occurs in at "
        "least min_document_frequency = 5 and at most max_document_share = 0.5 of them (1 documents); the most common "
        "word occurs in 2."
    )


def test_corpus_that_memory_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "MAX_DISTINCT_WORDS", 10)
    monkeypatch.setattr(documents_module, "MAX_ENTRIES", 100)
    numbers, _ = collect([[f"word{number}" for number in range(11)]])
    with pytest.raises(CorpusError, match="more than 10 distinct words, for example word8, word9, word10"):
        numbers.check_size()
    with pytest.raises(CorpusError, match="50 documents of one split have more than 100 distinct words"):
        collect([["abc", "abd"]] * 51)
