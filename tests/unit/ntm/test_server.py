import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ntm.artifacts import Auxiliary, read_model, write_model
from ntm.bag_of_words import BagOfWords
from ntm.errors import InputError
from ntm.hyperparameters import Hyperparameters
from ntm.inference import Layer, TopicModel
from ntm.topics import Topics
from tests.unit.ntm import jobs, planted, records

LIMIT = 6 * 1024 * 1024
JSON_LINES = "application/jsonlines"
TOPICS = Topics(
    share=np.full(planted.TOPICS, 1 / planted.TOPICS, np.float32),
    words=np.tile(np.arange(3), (planted.TOPICS, 1)),
    weights=np.zeros((planted.TOPICS, 3), np.float32),
    npmi=np.zeros(planted.TOPICS),
    uniqueness=np.ones(planted.TOPICS),
)


@pytest.fixture(scope="module")
def corpus() -> BagOfWords:
    return planted.corpus(40, 0)[0]


@pytest.fixture(scope="module")
def model() -> TopicModel:
    random = np.random.default_rng(0)

    def layer(*shape: int, bias: int) -> Layer:
        return Layer(random.normal(size=shape).astype(np.float32), random.normal(size=bias).astype(np.float32))

    size, topics = planted.FEATURE_DIM, planted.TOPICS
    hidden = (layer(size, 10, bias=10), layer(8, 10, bias=8))
    return TopicModel("relu", hidden, layer(topics, 8, bias=topics), layer(size, topics, bias=size))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, model: TopicModel) -> Path:
    base = tmp_path_factory.mktemp("served")
    auxiliary = Auxiliary(
        "".join(f"{word}\n" for word in jobs.VOCABULARY).encode(), json.dumps(jobs.TOKENIZER).encode()
    )
    write_model(base / "model", model, TOPICS, auxiliary, Hyperparameters.parse(jobs.HYPERPARAMETERS), {})
    return base


class Server:
    def __init__(self, base: Path, **environ: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.process = jobs.start("serve", base, SAGEMAKER_BIND_TO_PORT=str(self.port), **environ)
        while True:
            try:
                assert self.request("GET", "/ping")[0] == 200
                return
            except ConnectionError:
                assert self.process.poll() is None
                time.sleep(0.02)

    def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None, **headers: str
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, ({"Content-Type": content_type} if content_type else {}) | headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def invoke(self, body: bytes | object, content_type: str = "application/json") -> np.ndarray:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, answer = self.request("POST", "/invocations", content, content_type)
        assert status == 200, answer
        return np.array([prediction["topic_weights"] for prediction in json.loads(answer)["predictions"]])

    def refusal(self, body: bytes | object, content_type: str | None = "application/json") -> tuple[int, str]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, answer = self.request("POST", "/invocations", content, content_type)
        return status, json.loads(answer)["error"]

    def stop(self) -> str:
        self.process.terminate()
        log, _ = self.process.communicate(timeout=30)
        return log


@pytest.fixture(scope="module")
def server(base: Path) -> Iterator[Server]:
    server = Server(base)
    yield server
    log = server.stop()
    assert server.process.returncode == 0
    # Nothing that was asked was a fault of the server's.
    assert "Traceback" not in log
    assert "Warning" not in log


def test_all_forms_of_a_request_give_the_model_s_answer(server: Server, model: TopicModel, corpus: BagOfWords) -> None:
    expected = model.topic_weights(corpus)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
    dense = jobs.dense(corpus).tolist()
    bounds = list(zip(corpus.offsets, corpus.offsets[1:], strict=False))
    sparse = [
        {"keys": corpus.words[a:b].tolist(), "shape": [corpus.feature_dim], "values": corpus.counts[a:b].tolist()}
        for a, b in bounds
    ]
    words = [np.repeat(corpus.words[a:b], corpus.counts[a:b].astype(int)) for a, b in bounds]
    texts = [" and ".join(jobs.VOCABULARY[word].upper() for word in document) for document in words]
    answers = [
        server.invoke("\n".join(",".join(map(str, row)) for row in dense).encode(), "text/csv"),
        server.invoke({"instances": [{"features": row} for row in dense]}),
        server.invoke({"instances": [{"data": {"features": {"values": row}}} for row in dense]}),
        server.invoke({"instances": [{"data": {"features": row}} for row in sparse]}),
        server.invoke({"instances": texts}),
        server.invoke({"instances": [{"text": text} for text in texts]}),
        server.invoke("\n".join(texts).encode(), "text/plain; charset=utf-8"),
        server.invoke(("\n".join(texts) + "\n").encode(), "text/plain"),
        server.invoke("\n".join(json.dumps({"data": {"features": row}}) for row in sparse).encode(), JSON_LINES),
        server.invoke("".join(f"{json.dumps({'features': row})}\r\n" for row in dense).encode(), JSON_LINES),
        server.invoke(records.sparse_file(jobs.dense(corpus)), jobs.RECORDIO),
        server.invoke(records.dense_file(jobs.dense(corpus)), jobs.RECORDIO),
    ]
    for answer in answers:
        np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_the_answer_is_what_is_accepted(server: Server) -> None:
    def answer(accept: str) -> bytes:
        status, body = server.request("POST", "/invocations", b"a1 a2\nb30", "text/plain", Accept=accept)
        assert status == 200, body
        return body

    predictions = json.loads(answer("application/json"))["predictions"]
    for accept in ("application/jsonlines", "text/html, application/jsonlines;q=0.9, */*;q=0.1"):
        lines = answer(accept).decode()
        assert lines.endswith("\n")
        assert [json.loads(line) for line in lines.splitlines()] == predictions
    for accept in ("*/*", "text/html, application/*", "Application/JSON; charset=utf-8"):
        assert json.loads(answer(accept)) == {"predictions": predictions}
    status, body = server.request("POST", "/invocations", b"a1", "text/plain", Accept="text/csv")
    assert status == 406
    assert json.loads(body)["error"] == (
        "Accept 'text/csv' is not written; allowed: application/json, application/jsonlines."
    )


def test_a_document_without_a_known_word_gets_the_prior(server: Server) -> None:
    zeros = [0] * planted.FEATURE_DIM
    answer = server.invoke({"instances": ["", "Nothing of that is known: \ud800", {"features": zeros}, "a1 a2"]})
    np.testing.assert_allclose(answer[:3], 1 / planted.TOPICS, atol=1e-6)
    assert np.ptp(answer[3]) > 0.01
    # A blank line is a document too, or the answers would not go with the lines.
    assert len(server.invoke(b"a1 a2\n\na3\n", "text/plain")) == 3


def test_counts_may_be_huge_or_tiny(server: Server) -> None:
    for count in (1e-30, 1e38):
        keys = {"keys": [0, 30], "shape": [planted.FEATURE_DIM], "values": [count, count]}
        plain = {"instances": [{"data": {"features": keys}}]}
        np.testing.assert_allclose(server.invoke(plain), server.invoke({"instances": ["a0 b30"]}), atol=1e-6)


ROW = ",".join(["1"] * planted.FEATURE_DIM).encode()


def _sparse(keys: object, values: object, shape: object = (planted.FEATURE_DIM,)) -> object:
    return {"instances": [{"data": {"features": {"keys": keys, "shape": shape, "values": values}}}]}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (b"", "text/csv", 400, "The request has no document."),
        (b"\n\n", "text/csv", 400, "The request has no document."),
        (b"", "text/plain", 400, "The request has no document."),
        (b"", "application/json", 400, "The body is not JSON: "),
        (b"1,2,3", "text/csv", 400, "Line 1 has 3 fields; feature_dim is 120"),
        (ROW + b"\n" + ROW[:-1] + b"x", "text/csv", 400, "The CSV has a field that is not a number"),
        (ROW + b"\n" + ROW[:-1] + b"nan", "text/csv", 400, "Document 2 has count nan for word 119"),
        (ROW[:-1] + b"-1", "text/csv", 400, "Document 1 has count -1.0 for word 119"),
        (ROW[:-1] + b"1e999", "text/csv", 400, "Document 1 has count inf for word 119"),
        (b"\xff\xfe", "text/csv", 400, "not UTF-8"),
        (b"\xff\xfe", "text/plain", 400, "not UTF-8"),
        (b'{"instances": ["\xe9"]}', "application/json", 400, "not UTF-8"),
        (b"{", "application/json", 400, "The body is not JSON: "),
        (b"[" * 100_000, "application/json", 400, "The body is nested too deeply."),
        (b"[]", "application/json", 400, 'not a JSON object with a list "instances"'),
        ({"instances": "text"}, "application/json", 400, 'not a JSON object with a list "instances"'),
        ({"instances": []}, "application/json", 400, "The request has no document."),
        ({"instances": ["a1", 5]}, "application/json", 400, "Instance 2: it is not a text, "),
        ({"instances": [{"texts": "a1"}]}, "application/json", 400, "Instance 1: it is not a text, "),
        ({"instances": [None]}, "application/json", 400, "Instance 1: it is not a text, "),
        ({"instances": [{"features": [1, 2]}]}, "application/json", 400, "it has 2 features; the model has 120"),
        ({"instances": [{"features": ["1"] * 120}]}, "application/json", 400, "its values are not all numbers"),
        ({"instances": [{"features": [True] * 120}]}, "application/json", 400, "its values are not all numbers"),
        ({"instances": [{"features": [float("nan")] * 120}]}, "application/json", 400, "has count nan for word 0"),
        (
            {"instances": [{"features": [10**400] * 120}]},
            "application/json",
            400,
            "its values have a number that is too",
        ),
        (_sparse([120], [1]), "application/json", 400, "Document 1 has word id 120; allowed: 0 to 119"),
        (_sparse([-1], [1]), "application/json", 400, "Document 1 has word id -1; allowed: 0 to 119"),
        (_sparse([0.5], [1]), "application/json", 400, "its keys are not all integers from 0 to 119"),
        (_sparse([float("inf")], [1]), "application/json", 400, "its keys are not all integers from 0 to 119"),
        (_sparse(["0"], [1]), "application/json", 400, "its keys are not all numbers"),
        (_sparse([1, 2], [1]), "application/json", 400, "it has 2 keys and 1 values"),
        (_sparse([1], [1], [121]), "application/json", 400, "its shape is [121]; the model has 120 words"),
        (_sparse([1], [float("inf")]), "application/json", 400, "has count inf for word 1"),
        (b"", JSON_LINES, 400, "The request has no document."),
        (b'{"features": [1]}\n', JSON_LINES, 400, "Line 1: it has 1 features; the model has 120"),
        (b'"a1"\n\n"a2"', JSON_LINES, 400, "Line 2 is not JSON: "),
        (b'"a1"\n' + b"[" * 100_000, JSON_LINES, 400, "Line 2 is nested too deeply."),
        (b"", "application/x-recordio-protobuf", 400, "The request has no document."),
        (b"no records", "application/x-recordio-protobuf", 400, "Record 1"),
        (b"a1", "image/png", 415, "Content type 'image/png' is not read; allowed: text/csv, application/json"),
        (b"a1", None, 415, "Content type '' is not read"),
        (b"a" * (LIMIT + 1), "text/plain", 413, f"The request has {LIMIT + 1} bytes; allowed: {LIMIT}."),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_sentence(
    server: Server, body: bytes | object, content_type: str | None, status: int, reason: str
) -> None:
    answer = server.refusal(body, content_type)
    assert answer[0] == status
    assert reason in answer[1]


def test_other_paths_and_methods_are_refused(server: Server) -> None:
    assert server.request("GET", "/")[0] == 404
    assert server.request("GET", "/invocations")[0] == 405
    assert server.request("POST", "/ping", b"")[0] == 405


def test_as_much_as_is_allowed_is_read(server: Server) -> None:
    assert len(server.invoke(b"a1 a2 a3 " * (LIMIT // 9), "text/plain")) == 1


def test_requests_in_hand_are_finished_after_sigterm(base: Path) -> None:
    server = Server(base)
    body = json.dumps({"instances": ["a1 b30 c50"] * 20_000}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    # The server is at work on it once another request is answered.
    assert server.request("GET", "/ping")[0] == 200
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    response = connection.getresponse()
    assert response.status == 200
    assert len(json.loads(response.read())["predictions"]) == 20_000
    connection.close()
    stopping.join()
    assert server.process.returncode == 0


def test_batch_transform_may_allow_more(base: Path) -> None:
    server = Server(base, SAGEMAKER_MAX_PAYLOAD_IN_MB="7")
    assert len(server.invoke(b"a1 " * (LIMIT // 3 + 1), "text/plain")) == 1
    server.stop()


def test_serving_does_not_load_torch() -> None:
    code = "import sys; import ntm.server; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=jobs.CONTAINER, check=False).returncode == 0


def test_without_a_model_there_is_no_server(tmp_path: Path, base: Path) -> None:
    process = jobs.start("serve", tmp_path)
    log, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "There is no usable model in" in log
    damaged = tmp_path / "model"
    damaged.mkdir()
    for path in (base / "model").iterdir():
        (damaged / path.name).write_bytes(path.read_bytes())
    (damaged / "model.safetensors").write_bytes((base / "model" / "model.safetensors").read_bytes()[:-10])
    with pytest.raises(InputError, match="There is no usable model in"):
        read_model(damaged)


def test_a_model_without_a_vocabulary_reads_counts_only(tmp_path: Path, model: TopicModel) -> None:
    settings = Hyperparameters.parse(jobs.HYPERPARAMETERS)
    write_model(tmp_path / "model", model, TOPICS, Auxiliary(None, None), settings, {})
    server = Server(tmp_path)
    assert len(server.invoke(ROW, "text/csv")) == 1
    for body, content_type in (({"instances": ["a1"]}, "application/json"), (b"a1", "text/plain")):
        status, reason = server.refusal(body, content_type)
        assert status == 400
        assert "this model reads word counts only" in reason
    server.stop()
