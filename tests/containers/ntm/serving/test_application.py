"""The ASGI application, called in process: any request gets predictions or an error with a reason."""

import asyncio
import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sagemaker.base_serializers import (
    CSVSerializer,
    JSONLinesSerializer,
    JSONSerializer,
    RecordSerializer,
    StringSerializer,
)

from ntm.data.bag_of_words import BagOfWords
from ntm.serving.application import Application
from ntm.serving.model import ServedModel
from tests.containers.ntm import jobs, planted, records
from tests.containers.ntm.serving import models

LIMIT = 50_000
JSON_LINES = "application/jsonlines"
SIZE = planted.FEATURE_DIM


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    return ServedModel.read(models.write(tmp_path_factory.mktemp("served"), models.random_model()) / "model")


@pytest.fixture(scope="module")
def application(served: ServedModel) -> Application:
    return Application(served, LIMIT)


class Exchange:
    """A request, sent in pieces, and its response."""

    def __init__(self, application: Application, pieces: list[bytes], path: str, headers: dict[str, str]) -> None:
        self.status, self.body, self.headers = 0, b"", dict[str, str]()
        self._messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
            for number, piece in enumerate(pieces, start=1)
        ]
        scope = {
            "type": "http",
            "method": "GET" if path == "/ping" else "POST",
            "path": path,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
        asyncio.run(application(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        return self._messages.pop(0) if self._messages else {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]


def invoke(
    application: Application, body: bytes, content_type: str = "application/json", accept: str = ""
) -> tuple[int, Any]:
    exchange = Exchange(application, [body], "/invocations", {"content-type": content_type, "accept": accept})
    assert exchange.headers["content-length"] == str(len(exchange.body))
    return exchange.status, json.loads(exchange.body)


NUMBER = st.one_of(
    st.integers(-2, 5), st.integers(), st.floats(), st.just(10**400), st.sampled_from([0, 0, 0, 0, True, False, None])
)
NUMBERS = st.one_of(
    st.lists(NUMBER, max_size=5),
    st.lists(st.sampled_from([0, 0, 0, 1, 2.5, -0.0]), min_size=SIZE, max_size=SIZE),
    st.lists(NUMBER, min_size=SIZE, max_size=SIZE),
)
FEATURES = st.fixed_dictionaries(
    {}, optional={"keys": NUMBERS, "values": NUMBERS, "shape": st.one_of(st.just([SIZE]), st.lists(NUMBER, max_size=2))}
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBER, st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=8,
)
INSTANCE = st.one_of(
    st.text(),
    st.text("ab c123"),
    st.fixed_dictionaries({"text": st.one_of(st.text(), JSON)}),
    st.fixed_dictionaries({"features": st.one_of(NUMBERS, JSON)}),
    st.fixed_dictionaries({"data": st.fixed_dictionaries({"features": st.one_of(FEATURES, JSON)})}),
    JSON,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Draw valid, nearly valid and invalid requests, some truncated or with changed bytes."""
    kind = draw(st.sampled_from(["json", "lines", "csv", "recordio", "text", "bytes"]))
    match kind:
        case "json":
            separators = draw(st.sampled_from([None, (",", ":")]))
            body = json.dumps({"instances": draw(st.lists(INSTANCE, max_size=4))}, separators=separators).encode()
        case "lines":
            body = "\n".join(json.dumps(instance) for instance in draw(st.lists(INSTANCE, max_size=4))).encode()
        case "csv":
            body = "\n".join(",".join(map(str, row)) for row in draw(st.lists(NUMBERS, max_size=3))).encode()
        case "recordio":
            body = records.sparse_file(jobs.dense(planted.corpus(3, draw(st.integers(0, 5)))[0]))
        case "text":
            body = draw(st.text()).encode("utf-8", "surrogatepass")
        case _:
            body = draw(st.binary())
    for at, byte in draw(st.lists(st.tuples(st.integers(0, max(len(body) - 1, 0)), st.binary(max_size=2)), max_size=2)):
        body = body[:at] + byte + body[at + 1 :]
    return body[: draw(st.integers(0, 2 * len(body) + 1))]


CONTENT_TYPES = [
    "application/json",
    "application/jsonlines",
    "text/csv",
    "text/plain",
    jobs.RECORDIO,
    "text/plain; charset=utf-16",
    "x",
]


@given(
    bodies(), st.sampled_from(CONTENT_TYPES), st.sampled_from(["", "application/json; topics=2", "*/*;q=x", "\u00e9"])
)
def test_any_request_gets_the_models_response_or_an_error(
    application: Application, body: bytes, content_type: str, accept: str
) -> None:
    status, answer = invoke(application, body, content_type, accept)
    if status == 200:
        weights = np.array([prediction["topic_weights"] for prediction in answer["predictions"]])
        assert weights.shape[1] == planted.TOPICS
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-4)
    else:
        assert status in (400, 406, 413, 415)
        assert answer["error"].endswith(".")


@settings(max_examples=50)
@given(st.lists(st.dictionaries(st.integers(0, SIZE - 1), st.sampled_from([1, 12, 2.5, 1e3, 10**10]), max_size=12)))
def test_the_dense_reader_agrees_with_the_json_parser(
    application: Application, documents: list[dict[int, float]]
) -> None:
    instances = [{"features": [counts.get(word, 0) for word in range(SIZE)]} for counts in documents]
    expected = invoke(application, b"\n".join(orjson.dumps(instance) for instance in instances), JSON_LINES)
    for separators in (None, (",", ":"), (" , ", " : ")):
        body = json.dumps({"instances": instances}, separators=separators).encode()
        assert invoke(application, body) == expected


ZEROS = "0," * (SIZE - 1)


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (ZEROS, "is not JSON"),
        (ZEROS + "0,", "is not JSON"),
        (ZEROS + "01", "is not JSON"),
        (ZEROS + "9" * 5000, "has a number with too many digits; allowed: up to 3.4e38"),
        (ZEROS + "+1", "is not JSON"),
        (ZEROS + "1 2", "is not JSON"),
        (ZEROS + "NaN", "has count nan for word 119"),
        (ZEROS + "Infinity", "has count inf for word 119"),
        (ZEROS + "1e999", "has count inf for word 119"),
        (ZEROS + "-1", "has count -1.0 for word 119"),
        (ZEROS + "1e39", "has count 1e+39 for word 119"),
        (ZEROS + "true", "its values are not all numbers"),
        (ZEROS + "false", "its values are not all numbers"),
        (ZEROS + "null", "its values are not all numbers"),
        (ZEROS + '"1"', "its values are not all numbers"),
        (ZEROS + "[1]", "its values are not all numbers"),
        (ZEROS + "0,0", "it has 121 features, but the model has 120"),
        (ZEROS[2:] + "5", "it has 119 features, but the model has 120"),
        ("", "it has 0 features, but the model has 120"),
    ],
)
def test_invalid_dense_counts_are_rejected(application: Application, features: str, reason: str) -> None:
    good = '{"features":[' + "1," + ZEROS[2:] + "0]}"
    status, answer = invoke(application, f'{{"instances":[{good},{{"features":[{features}]}}]}}'.encode())
    assert status == 400
    assert reason in answer["error"]


def test_requests_of_the_sdks_serializers_are_read(application: Application, served: ServedModel) -> None:
    corpus = planted.corpus(4, 1)[0]
    counts = jobs.dense(corpus)
    instances = [{"features": row} for row in counts.tolist()]
    for serializer, data in (
        (CSVSerializer(), counts),
        (CSVSerializer(), counts.astype(int).tolist()),
        (JSONSerializer(), {"instances": instances}),
        (JSONLinesSerializer(), instances),
        (RecordSerializer(), counts),
    ):
        body = serializer.serialize(data)
        content = body.read() if hasattr(body, "read") else body
        content = content if isinstance(content, bytes) else content.encode()
        status, answer = invoke(application, content, serializer.CONTENT_TYPE)
        assert status == 200, answer
        weights = [prediction["topic_weights"] for prediction in answer["predictions"]]
        np.testing.assert_allclose(weights, served.encoder.topic_weights(corpus), atol=1e-6)
    texts = StringSerializer(content_type="text/plain").serialize("a1 a2\nb30")
    assert len(invoke(application, texts, "text/plain")[1]["predictions"]) == 2


def test_a_repeated_json_key_counts_once(application: Application) -> None:
    one, two = ZEROS + "1", "2," + ZEROS[2:] + "0"
    status, answer = invoke(application, f'{{"instances":[{{"features":[{one}],"features":[{two}]}}]}}'.encode())
    assert status == 200
    assert answer == invoke(application, f'{{"instances":[{{"features":[{two}]}}]}}'.encode())[1]


def test_texts_and_counts_can_be_mixed_in_a_request(application: Application) -> None:
    counts = {"data": {"features": {"keys": [1, 0.0], "shape": [SIZE], "values": [1, 1]}}}
    status, answer = invoke(application, orjson.dumps({"instances": ["a0 a1", counts, {"text": "a1 a0"}]}))
    assert status == 200
    first, second, third = answer["predictions"]
    assert first == second == third


def test_too_many_documents_are_rejected(served: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntm.serving.application._MAX_WEIGHTS", 3 * planted.TOPICS)
    application = Application(served, LIMIT)
    corpus: BagOfWords = planted.corpus(4, 0)[0]
    dense = jobs.dense(corpus).astype(int)
    csv = "\n".join(",".join(map(str, row)) for row in dense).encode()
    for body, content_type in (
        (b"\n" * 4, "text/plain"),
        (b'""\n' * 4, JSON_LINES),
        (b'{"instances":["","","",""]}', "application/json"),
        (orjson.dumps({"instances": [{"features": row} for row in dense.tolist()]}), "application/json"),
        (csv, "text/csv"),
        (records.sparse_file(jobs.dense(corpus)), jobs.RECORDIO),
    ):
        status, answer = invoke(application, body, content_type)
        assert (status, answer["error"]) == (413, "The request has 4 documents; allowed for this model: 3.")


def test_too_many_described_topics_are_rejected(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntm.serving.application._MAX_DESCRIBED", 2 * planted.TOPICS)
    assert invoke(application, b"a1\na2", "text/plain", "application/json; topics=100")[0] == 200
    status, answer = invoke(application, b"a1\na2\na3", "text/plain", "application/json; topics=4")
    assert status == 413
    assert answer["error"] == ("The request asks for the words of 12 topics over all documents; allowed: 10.")


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({"content-type": "text/plain", "content-encoding": "gzip"}, 415, "Content encoding 'gzip' is not supported;"),
        ({"content-type": "text/plain; charset=latin-1"}, 415, "allowed charset: utf-8."),
        ({"content-type": "text/plain; charset=UTF-8", "content-encoding": "identity"}, 200, ""),
    ],
)
def test_charset_and_content_encoding_are_checked(
    application: Application, headers: dict[str, str], status: int, reason: str
) -> None:
    exchange = Exchange(application, [b"a1"], "/invocations", headers)
    assert exchange.status == status
    assert reason in json.loads(exchange.body).get("error", "")


def test_a_request_comes_in_pieces(application: Application) -> None:
    whole = Exchange(application, [b"a1 a2"], "/invocations", {"content-type": "text/plain"})
    pieces = Exchange(application, [b"a1", b"", b" a2"], "/invocations", {"content-type": "text/plain"})
    assert (whole.status, whole.body) == (pieces.status, pieces.body)
    large = Exchange(application, [b"a" * LIMIT, b"a", b"a"], "/invocations", {"content-type": "text/plain"})
    assert large.status == 413
    assert json.loads(large.body)["error"] == f"The request has {LIMIT + 2} bytes; allowed: {LIMIT}."


def test_a_draining_application_is_unhealthy_but_answers(served: ServedModel) -> None:
    application = Application(served, LIMIT)
    assert Exchange(application, [b""], "/ping", {}).status == 200
    application.draining = True
    assert Exchange(application, [b""], "/ping", {}).status == 503
    answered = Exchange(application, [b"a1"], "/invocations", {"content-type": "text/plain"})
    assert (answered.status, answered.headers["connection"]) == (200, "close")


def test_a_disconnected_client_gets_no_response(application: Application) -> None:
    exchange = Exchange(application, [], "/invocations", {"content-type": "text/plain"})
    assert exchange.status == 0


def test_a_failing_model_is_unhealthy_and_a_server_error(served: ServedModel, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        feature_dim, num_topics = SIZE, planted.TOPICS

        def topic_weights(self, corpus: BagOfWords) -> np.ndarray:  # noqa: ARG002
            raise MemoryError("no memory")

        def check(self) -> None:
            self.topic_weights(planted.corpus(1, 0)[0])

    application = Application(ServedModel(Broken(), served.text_reader, served.topic_words), LIMIT)  # type: ignore[arg-type]
    for path in ("/ping", "/invocations"):
        exchange = Exchange(application, [b"a1"], path, {"content-type": "text/plain"})
        assert exchange.status == 500
        assert json.loads(exchange.body)["error"] == "The model failed; see the log of the container."
    assert "no memory" in caplog.text
