import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ntm.artifacts.artifacts import Auxiliary
from ntm.data.bag_of_words import BagOfWords
from ntm.network.inference import TopicModel
from tests.containers.ntm import jobs, planted, records
from tests.containers.ntm.serving import models
from tests.containers.ntm.serving.servers import Server

LIMIT = 6 * 1024 * 1024
JSON_LINES = "application/jsonlines"


@pytest.fixture(scope="module")
def corpus() -> BagOfWords:
    return planted.corpus(40, 0)[0]


@pytest.fixture(scope="module")
def model() -> TopicModel:
    return models.random_model()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, model: TopicModel) -> Path:
    return models.write(tmp_path_factory.mktemp("served"), model)


@pytest.fixture(scope="module")
def server(base: Path) -> Iterator[Server]:
    server = Server(base)
    yield server
    log = server.stop()
    assert server.process.returncode == 0
    # None of the requests was an error of the server.
    assert "Traceback" not in log
    assert "Warning" not in log


def test_all_content_types_give_the_models_predictions(server: Server, model: TopicModel, corpus: BagOfWords) -> None:
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


def test_a_document_without_a_known_word_gets_the_prior(server: Server) -> None:
    zeros = [0] * planted.FEATURE_DIM
    answer = server.invoke({"instances": ["", "Nothing of that is known: \ud800", {"features": zeros}, "a1 a2"]})
    np.testing.assert_allclose(answer[:3], 1 / planted.TOPICS, atol=1e-6)
    assert np.ptp(answer[3]) > 0.01
    # A blank line is a document too, or predictions and lines would not match.
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
        (b"", "text/csv", 400, "The request has no documents."),
        (b"\n\n", "text/csv", 400, "The request has no documents."),
        (b"", "text/plain", 400, "The request has no documents."),
        (b"", "application/json", 400, "The body is not JSON: "),
        (b"1,2,3", "text/csv", 400, "Line 1 has 3 fields, but feature_dim is 120"),
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
        ({"instances": []}, "application/json", 400, "The request has no documents."),
        ({"instances": ["a1", 5]}, "application/json", 400, "Instance 2: expected a text, "),
        ({"instances": [{"texts": "a1"}]}, "application/json", 400, "Instance 1: expected a text, "),
        ({"instances": [None]}, "application/json", 400, "Instance 1: expected a text, "),
        ({"instances": [{"features": [1, 2]}]}, "application/json", 400, "it has 2 features, but the model has 120"),
        ({"instances": [{"features": ["1"] * 120}]}, "application/json", 400, "its values are not all numbers"),
        ({"instances": [{"features": [True] * 120}]}, "application/json", 400, "its values are not all numbers"),
        ({"instances": [{"features": [float("nan")] * 120}]}, "application/json", 400, "has count nan for word 0"),
        (
            {"instances": [{"features": [10**400] * 120}]},
            "application/json",
            400,
            "A count is too large",
        ),
        (_sparse([120], [1]), "application/json", 400, "Instance 1: it has word id 120; allowed: 0 to 119"),
        (_sparse([-1], [1]), "application/json", 400, "Instance 1: it has word id -1; allowed: 0 to 119"),
        (_sparse([0.5], [1]), "application/json", 400, "its keys are not all integers from 0 to 119"),
        (_sparse([float("inf")], [1]), "application/json", 400, "its keys are not all integers from 0 to 119"),
        (_sparse(["0"], [1]), "application/json", 400, "its keys are not all numbers"),
        (_sparse([1, 2], [1]), "application/json", 400, "it has 2 keys but 1 values"),
        (_sparse([1], [1], [121]), "application/json", 400, "its shape is [121], but the model has 120 words"),
        (_sparse([1], [float("inf")]), "application/json", 400, "has count inf for word 1"),
        (b"", JSON_LINES, 400, "The request has no documents."),
        (b'{"features": [1]}\n', JSON_LINES, 400, "Line 1: it has 1 features, but the model has 120"),
        (b'"a1"\n\n"a2"', JSON_LINES, 400, "Line 2 is not JSON: "),
        (b'"a1"\n' + b"[" * 100_000, JSON_LINES, 400, "Line 2 is nested too deeply."),
        (b"", "application/x-recordio-protobuf", 400, "The request has no documents."),
        (b"no records", "application/x-recordio-protobuf", 400, "Record 1"),
        (b"a1", "image/png", 415, "Content type 'image/png' is not supported; allowed: text/csv, application/json"),
        (b"a1", None, 415, "Content type '' is not supported"),
        (b"a" * (LIMIT + 1), "text/plain", 413, f"The request has {LIMIT + 1} bytes; allowed: {LIMIT}."),
    ],
)
def test_invalid_requests_are_rejected_with_a_reason(
    server: Server, body: bytes | object, content_type: str | None, status: int, reason: str
) -> None:
    answer = server.refusal(body, content_type)
    assert answer[0] == status
    assert reason in answer[1]


def test_other_paths_and_methods_are_rejected(server: Server) -> None:
    assert server.request("GET", "/")[0] == 404
    assert server.request("GET", "/invocations")[0] == 405
    assert server.request("POST", "/ping", b"")[0] == 405


def test_a_request_of_the_maximum_size_is_read(server: Server) -> None:
    assert len(server.invoke(b"a1 a2 a3 " * (LIMIT // 9), "text/plain")) == 1


def test_requests_in_progress_finish_after_sigterm(base: Path) -> None:
    server = Server(base)
    body = json.dumps({"instances": ["a1 b30 c50"] * 20_000}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=900)
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    # Once another request is answered, the server is processing this one.
    assert server.request("GET", "/ping")[0] == 200
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    response = connection.getresponse()
    assert response.status == 200
    assert len(json.loads(response.read())["predictions"]) == 20_000
    connection.close()
    stopping.join()
    assert server.process.returncode == 0


def test_open_connections_get_connection_close_before_the_shutdown(base: Path) -> None:
    server = Server(base, SAGEMAKER_MODEL_SERVER_WORKERS="2")
    connections = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=900) for _ in range(4)]
    served: list[int] = []

    def ask(connection: http.client.HTTPConnection) -> None:
        while True:
            connection.request("POST", "/invocations", b"a1", {"Content-Type": "text/plain"})
            response = connection.getresponse()
            assert len(json.loads(response.read())["predictions"]) == 1
            served.append(response.status)
            if response.headers["Connection"] == "close":
                return

    clients = [threading.Thread(target=ask, args=(connection,)) for connection in connections]
    for client in clients:
        client.start()
    while len(served) < 20:
        time.sleep(0.01)
    log = server.stop()
    for client in clients:
        client.join()
    assert set(served) == {200}
    assert server.process.returncode == 0
    assert "Traceback" not in log


@pytest.mark.parametrize("limit", ["7", "0"])
def test_batch_transform_can_raise_the_payload_limit(base: Path, limit: str) -> None:
    server = Server(base, SAGEMAKER_MAX_PAYLOAD_IN_MB=limit, SAGEMAKER_MODEL_SERVER_WORKERS="1")
    assert len(server.invoke(b"a1 " * (LIMIT // 3 + 1), "text/plain")) == 1
    server.stop()


def test_a_model_without_a_vocabulary_reads_counts_only(tmp_path: Path, model: TopicModel) -> None:
    server = Server(models.write(tmp_path, model, Auxiliary(None, None)), SAGEMAKER_MODEL_SERVER_WORKERS="1")
    assert len(server.invoke(ROW, "text/csv")) == 1
    for body, content_type in (({"instances": ["a1"]}, "application/json"), (b"a1", "text/plain")):
        status, reason = server.refusal(body, content_type)
        assert status == 400
        assert "this model accepts only word counts" in reason
    server.stop()


def test_a_malformed_request_does_not_affect_the_next_client(server: Server) -> None:
    for sent in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"POST /invocations HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=900) as connection:
            connection.sendall(sent)
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
    assert len(server.invoke(b"a1", "text/plain")) == 1


def test_a_request_may_come_in_chunks(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=900)
    chunks = iter([b"a1 ", b"a2\n", b"b30"])
    connection.request("POST", "/invocations", chunks, {"Content-Type": "text/plain"}, encode_chunked=True)
    assert len(json.loads(connection.getresponse().read())["predictions"]) == 2
    connection.close()


def test_a_killed_worker_is_replaced(base: Path) -> None:
    server = Server(base, SAGEMAKER_MODEL_SERVER_WORKERS="2")
    first = set(server.workers)
    assert len(first) == 2
    os.kill(next(iter(first)), signal.SIGKILL)
    # The other worker responds meanwhile.
    while len(set(server.workers) - first) < 1 or len(server.workers) < 2:
        assert len(server.invoke(b"a1", "text/plain")) == 1
    assert "ended with code -9; starting another one" in server.stop()
    assert server.process.returncode == 0


def test_workers_end_with_the_process_that_started_them(base: Path) -> None:
    server = Server(base, SAGEMAKER_MODEL_SERVER_WORKERS="2")
    server.process.kill()
    # The pipe closes once the last of them has exited.
    server.process.communicate(timeout=900)
    with pytest.raises(ConnectionError):
        server.request("GET", "/ping")


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"SAGEMAKER_BIND_TO_PORT": "http"}, "The variable SAGEMAKER_BIND_TO_PORT is 'http'; allowed: 0 to 65535."),
        ({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "-1"}, "The variable SAGEMAKER_MAX_PAYLOAD_IN_MB is '-1'; allowed: 0 to"),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "two"}, "The variable SAGEMAKER_MODEL_SERVER_WORKERS is 'two'; allowed"),
    ],
)
def test_an_invalid_variable_is_named(base: Path, environ: dict[str, str], reason: str) -> None:
    process = jobs.start("serve", base, **environ)
    log, _ = process.communicate(timeout=900)
    assert process.returncode == 1
    assert reason in log


def test_a_port_in_use_is_named(base: Path, server: Server) -> None:
    process = jobs.start("serve", base, SAGEMAKER_BIND_TO_PORT=str(server.port))
    log, _ = process.communicate(timeout=900)
    assert process.returncode == 1
    assert f"Port {server.port} cannot be used: Address already in use." in log


def test_the_server_exits_without_a_model(tmp_path: Path) -> None:
    process = jobs.start("serve", tmp_path)
    log, _ = process.communicate(timeout=900)
    assert process.returncode == 1
    assert "There is no usable model in" in log
    assert "Traceback" not in log
