import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sagemaker.amazon.common import RecordDeserializer
from sagemaker.deserializers import JSONDeserializer, JSONLinesDeserializer

from ntm.serving.responses import JSON, JSON_LINES, RECORDIO, WRITERS, Answer, NotAcceptable, wanted

WEIGHTS = np.array([[0.5, 0.2, 0.3], [1e-20, 1, 0]], np.float32)
WORDS = [["a", "b"], ["c", "d"], ["ü", '"']]


def written(content_type: str, answer: Answer) -> io.BytesIO:
    return io.BytesIO(WRITERS[content_type](answer))


def test_the_sdks_deserializers_read_every_content_type() -> None:
    answer = Answer(WEIGHTS, WORDS)
    predictions = JSONDeserializer().deserialize(written(JSON, answer), JSON)["predictions"]  # type: ignore[no-untyped-call]
    lines = JSONLinesDeserializer().deserialize(written(JSON_LINES, answer), JSON_LINES)  # type: ignore[no-untyped-call]
    assert predictions == lines
    np.testing.assert_array_equal(np.array([p["topic_weights"] for p in predictions], np.float32), WEIGHTS)
    records = RecordDeserializer().deserialize(written(RECORDIO, answer), RECORDIO)  # type: ignore[no-untyped-call]
    read = [record.label["topic_weights"].float32_tensor for record in records]
    np.testing.assert_array_equal([list(tensor.values) for tensor in read], WEIGHTS)
    assert [list(tensor.keys) for tensor in read] == [[], []]
    assert [dict(record.features) for record in records] == [{}, {}]


@settings(max_examples=30)
@given(st.integers(1, 4), st.integers(1, 1000), st.integers(0, 9))
def test_records_of_any_number_of_topics(documents: int, topics: int, seed: int) -> None:
    weights = np.random.default_rng(seed).random((documents, topics), np.float32)
    records = RecordDeserializer().deserialize(written(RECORDIO, Answer(weights, [])), RECORDIO)  # type: ignore[no-untyped-call]
    read = [list(record.label["topic_weights"].float32_tensor.values) for record in records]
    np.testing.assert_array_equal(read, weights)


def test_the_heaviest_topics_are_described_on_request() -> None:
    for content_type in (JSON, JSON_LINES):
        content = WRITERS[content_type](Answer(WEIGHTS, WORDS, top=2))
        first, second = (
            json.loads(content)["predictions"] if content_type == JSON else map(json.loads, content.splitlines())
        )
        assert first == {
            "topic_weights": [0.5, 0.2, 0.3],
            "topics": [
                {"topic": 0, "weight": 0.5, "words": ["a", "b"]},
                {"topic": 2, "weight": 0.3, "words": ["ü", '"']},
            ],
        }
        assert [topic["topic"] for topic in second["topics"]] == [1, 0]
    assert len(json.loads(WRITERS[JSON](Answer(WEIGHTS, WORDS, top=9)))["predictions"][0]["topics"]) == 3


@pytest.mark.parametrize(
    ("accept", "content_type", "top"),
    [
        ("", JSON, 0),
        ("*/*", JSON, 0),
        ("text/html, application/*", JSON, 0),
        ("Application/JSON; charset=utf-8", JSON, 0),
        ("application/jsonlines", JSON_LINES, 0),
        ("application/x-recordio-protobuf", RECORDIO, 0),
        ("text/html, application/jsonlines;q=0.9, */*;q=0.1", JSON_LINES, 0),
        ("application/json;q=0.5, application/jsonlines", JSON_LINES, 0),
        ("application/json;q=0, application/jsonlines;q=0.1", JSON_LINES, 0),
        ("application/json, application/jsonlines", JSON, 0),
        ("application/json; topics=3", JSON, 3),
        ('application/jsonlines;Topics="12"', JSON_LINES, 12),
    ],
)
def test_accept_selects_the_content_type(accept: str, content_type: str, top: int) -> None:
    assert wanted(accept) == (content_type, top)


@pytest.mark.parametrize(
    ("accept", "reason"),
    [
        (
            "text/csv",
            "Accept 'text/csv' is not supported; allowed: application/json, application/jsonlines, "
            "application/x-recordio-protobuf.",
        ),
        ("application/json;q=0", "is not supported"),
        ("application/json;q=2", "has q=2; allowed: a number from 0 to 1"),
        ("application/json;q=nan", "has q=nan; allowed: a number from 0 to 1"),
        ("application/json;topics=0", "Accept has topics=0; allowed: a number of topics, 1 or more."),
        ("application/json;topics=words", "Accept has topics=words; allowed"),
        ("application/json;topics=\u0663", "allowed: a number of topics"),
        ("application/x-recordio-protobuf;topics=3", "does not support topics; allowed with topics: application/json"),
    ],
)
def test_unsupported_accept_headers_are_rejected(accept: str, reason: str) -> None:
    with pytest.raises(NotAcceptable) as refusal:
        wanted(accept)
    assert reason in str(refusal.value)
