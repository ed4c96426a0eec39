import pytest
from common.errors import CorpusError
from common.s3_uri import S3Uri
from common.settings import Settings
from hypothesis import given
from hypothesis import strategies as st

EVENT: dict[str, object] = {
    "corpus_uri": "s3://bucket/raw/x.csv",
    "text_columns": "title, body",
    "id_column": "id",
    "output_uri": "s3://bucket/bow/1",
    "vocabulary_size": "5000",
    "min_document_frequency": 5,
    "max_document_share": "0.5",
    "min_word_length": "3",
    "stop_words": "english",
    "validation_share": 0.1,
    "test_share": "0.1",
}

settings = st.builds(
    Settings,
    corpus_uri=st.just(S3Uri("bucket", "raw/")),
    text_columns=st.sets(st.text(st.characters(exclude_characters=","), min_size=1).map(str.strip).filter(bool))
    .filter(bool)
    .map(lambda names: tuple(sorted(names))),
    id_column=st.text().map(str.strip),
    output_uri=st.just(S3Uri("bucket", "bow/1")),
    vocabulary_size=st.integers(2, 1_000_000),
    min_document_frequency=st.integers(1, 1_000_000),
    max_document_share=st.floats(0, 1, exclude_min=True),
    min_word_length=st.integers(1, 100),
    stop_words=st.sampled_from(["english", "none"]),
    validation_share=st.floats(0, 0.5, exclude_min=True, exclude_max=True),
    test_share=st.floats(0, 0.5, exclude_min=True, exclude_max=True),
    train_shards=st.integers(1, 100),
    word_vectors_uri=st.none() | st.just(S3Uri("bucket", "raw/glove.txt")),
)


def test_numbers_may_be_strings() -> None:
    assert Settings.from_event(EVENT) == Settings(
        corpus_uri=S3Uri("bucket", "raw/x.csv"),
        text_columns=("title", "body"),
        id_column="id",
        output_uri=S3Uri("bucket", "bow/1"),
        vocabulary_size=5000,
        min_document_frequency=5,
        max_document_share=0.5,
        min_word_length=3,
        stop_words="english",
        validation_share=0.1,
        test_share=0.1,
        train_shards=1,
    )


@given(settings, st.booleans())
def test_settings_survive_their_event(expected: Settings, strings: bool) -> None:
    event = expected.as_event()
    assert Settings.from_event({name: str(value) for name, value in event.items()} if strings else event) == expected


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("corpus_uri", "bucket/x.csv", "an S3 URI like s3://bucket/key"),
        ("corpus_uri", None, "an S3 URI like s3://bucket/key"),
        ("output_uri", "s3://bucket", "an S3 URI like s3://bucket/key"),
        ("output_uri", "s3://bucket/", "an S3 URI like s3://bucket/key"),
        ("text_columns", "", "one or more distinct column names"),
        ("text_columns", "a,,b", "one or more distinct column names"),
        ("text_columns", "a,a", "one or more distinct column names"),
        ("text_columns", ["a"], "a string"),
        ("id_column", 3, "a string"),
        ("vocabulary_size", 1, "an integer from 2 to 1000000"),
        ("vocabulary_size", "many", "an integer from 2 to 1000000"),
        ("vocabulary_size", "1e999", "an integer from 2 to 1000000"),
        ("vocabulary_size", 10**400, "an integer from 2 to 1000000"),
        ("vocabulary_size", True, "an integer from 2 to 1000000"),
        ("vocabulary_size", 2.5, "an integer from 2 to 1000000"),
        ("min_document_frequency", "0", "an integer from 1"),
        ("max_document_share", 0, "a number greater than 0 and at most 1"),
        ("max_document_share", float("nan"), "a number greater than 0 and at most 1"),
        ("min_word_length", None, "an integer from 1 to 100"),
        ("stop_words", "german", "one of english, none"),
        ("stop_words", [], "one of english, none"),
        ("validation_share", 0, "a number greater than 0 and less than 1"),
        ("test_share", "1", "a number greater than 0 and less than 1"),
        ("train_shards", 0, "an integer from 1 to 100"),
    ],
)
def test_invalid_value_is_named_with_the_allowed_values(name: str, value: object, allowed: str) -> None:
    with pytest.raises(CorpusError) as caught:
        Settings.from_event({**EVENT, name: value})
    assert f"{name} is {value!r}: it must be {allowed}" in str(caught.value)
    assert "environments/" in str(caught.value)


def test_all_errors_are_reported_at_once() -> None:
    event = {**EVENT, "vocabularysize": 3, "stop_words": "no", "validation_share": 0.5, "test_share": 0.5}
    del event["corpus_uri"]
    with pytest.raises(CorpusError) as caught:
        Settings.from_event(event)
    for part in ("unknown key vocabularysize", "corpus_uri is missing", "stop_words is 'no'", "their sum must be less"):
        assert part in str(caught.value)
