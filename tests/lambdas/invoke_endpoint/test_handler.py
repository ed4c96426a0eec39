"""The function of the HTTP API, against a server that answers as SageMaker Runtime does."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from lambdas.invoke_endpoint import handler as function
from lambdas.invoke_endpoint.handler import HttpRequest, handler

_ANSWER = b'{"predictions": [{"topic_weights": [0.5, 0.5]}]}'


@dataclass
class _SageMaker:
    """What the next request is answered with, and what was asked.

    Attributes:
        status: of the answer.
        error: code of the error, if it is one.
        content_type: of the answer.
        body: of the answer; None where there is none within the time that the function has.
        path: of the last request.
        headers: of the last request, in lower case.
        asked: the last request's body.
    """

    status: int = 200
    error: str | None = None
    content_type: str = "application/json"
    body: bytes | None = _ANSWER
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    asked: bytes = b""
    over: threading.Event = field(default_factory=threading.Event)

    def fail(self, status: int, code: str, **members: object) -> None:
        self.status, self.error, self.body = status, code, json.dumps(members).encode()


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[ThreadingHTTPServer, list[_SageMaker]]]:
    current: list[_SageMaker] = [_SageMaker()]

    class Runtime(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sagemaker = current[0]
            sagemaker.path = self.path
            sagemaker.headers = {name.lower(): value for name, value in self.headers.items()}
            sagemaker.asked = self.rfile.read(int(self.headers["Content-Length"]))
            if sagemaker.body is None:
                sagemaker.over.wait()
                return
            self.send_response(sagemaker.status)
            if sagemaker.error:
                self.send_header("x-amzn-ErrorType", sagemaker.error)
            self.send_header("Content-Type", sagemaker.content_type)
            self.send_header("Content-Length", str(len(sagemaker.body)))
            self.end_headers()
            self.wfile.write(sagemaker.body)

        def log_message(self, format: str, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("localhost", 0), Runtime) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", "key")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            patch.setenv("AWS_ENDPOINT_URL", f"http://localhost:{http.server_port}")
            patch.setenv("ENDPOINT_NAME", "topicsmith-dev")
            function._runtime.cache_clear()
            yield http, current
            function._runtime.cache_clear()
        http.shutdown()


@pytest.fixture
def sagemaker(server: tuple[ThreadingHTTPServer, list[_SageMaker]]) -> _SageMaker:
    server[1][0] = _SageMaker()
    return server[1][0]


def _request(body: bytes = b"a text", **headers: str) -> HttpRequest:
    try:
        text, encoded = body.decode(), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"headers": named, "body": text, "isBase64Encoded": encoded}


def test_the_endpoint_is_asked_what_the_caller_asks(sagemaker: _SageMaker) -> None:
    answer = handler(
        _request(
            b"one document",
            content_type="text/plain",
            accept="application/json; topics=words",
            x_amzn_sagemaker_custom_attributes="topics=words",
            x_amzn_sagemaker_target_variant="AllTraffic",
            x_amzn_sagemaker_inference_id="7",
            authorization="Bearer secret",
        ),
        None,
    )
    assert sagemaker.path == "/endpoints/topicsmith-dev/invocations"
    assert sagemaker.asked == b"one document"
    named = {
        "content-type": "text/plain",
        "accept": "application/json; topics=words",
        "x-amzn-sagemaker-custom-attributes": "topics=words",
        "x-amzn-sagemaker-target-variant": "AllTraffic",
        "x-amzn-sagemaker-inference-id": "7",
    }
    assert {name: sagemaker.headers[name] for name in named} == named
    # The caller's own credentials stay here; the function has its own.
    assert "Bearer" not in sagemaker.headers["authorization"]
    assert answer == {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": _ANSWER.decode(),
        "isBase64Encoded": False,
    }


@given(asked=st.binary(min_size=1), answered=st.binary())
def test_bytes_arrive_as_they_were_sent_both_ways(
    server: tuple[ThreadingHTTPServer, list[_SageMaker]], asked: bytes, answered: bytes
) -> None:
    sagemaker = server[1][0] = _SageMaker(content_type="application/x-recordio-protobuf", body=answered)
    answer = handler(_request(asked, content_type="application/x-recordio-protobuf"), None)
    assert sagemaker.asked == asked
    got = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    assert got == answered
    assert answer["headers"] == {"content-type": "application/x-recordio-protobuf"}


def test_what_the_container_refuses_has_its_status_and_sentence(sagemaker: _SageMaker) -> None:
    refusal = '{"error": "Content-Type is text/html; allowed: text/plain"}'
    sagemaker.fail(424, "ModelError", Message="Received 415", OriginalStatusCode=415, OriginalMessage=refusal)
    answer = handler(_request(content_type="text/html"), None)
    assert (answer["statusCode"], answer["body"]) == (415, refusal)


def test_before_the_first_model_there_is_a_sentence_that_names_no_account(sagemaker: _SageMaker) -> None:
    message = "Endpoint topicsmith-dev of account 123456789012 not found."
    sagemaker.fail(400, "ValidationError", Message=message)
    answer = handler(_request(), None)
    assert (answer["statusCode"], json.loads(answer["body"])) == (503, {"error": "No model is served yet."})


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (400, "ValidationError", 400),
        (400, "ThrottlingException", 429),
        (429, "ModelNotReadyException", 503),
        (503, "ServiceUnavailable", 503),
        (500, "InternalFailure", 502),
        (530, "InternalDependencyException", 502),
    ],
)
def test_what_sagemaker_refuses_is_told(sagemaker: _SageMaker, status: int, code: str, told: int) -> None:
    sagemaker.fail(status, code, Message="Why not.")
    answer = handler(_request(), None)
    assert (answer["statusCode"], json.loads(answer["body"])) == (told, {"error": "Why not."})


def test_a_missing_permission_is_no_matter_of_the_callers(sagemaker: _SageMaker) -> None:
    sagemaker.fail(403, "AccessDeniedException", Message="User is not authorized")
    with pytest.raises(ClientError, match="not authorized"):
        handler(_request(), None)


@pytest.mark.parametrize("event", [{"headers": {}, "isBase64Encoded": False}, _request(b"")])
def test_a_request_without_a_body_is_told_what_is_allowed(sagemaker: _SageMaker, event: HttpRequest) -> None:
    answer = handler(event, None)
    assert answer["statusCode"] == 400
    assert "allowed: documents" in json.loads(answer["body"])["error"]
    assert sagemaker.path == ""


def test_a_header_that_sagemaker_could_not_get_is_told(sagemaker: _SageMaker) -> None:
    answer = handler(_request(accept="application/json; topics=wörter"), None)
    assert answer["statusCode"] == 400
    assert "The header accept is 'application/json; topics=wörter'" in json.loads(answer["body"])["error"]
    assert sagemaker.path == ""


def test_a_header_that_says_nothing_is_left_out(sagemaker: _SageMaker) -> None:
    assert handler(_request(x_amzn_sagemaker_target_variant=""), None)["statusCode"] == 200
    assert "x-amzn-sagemaker-target-variant" not in sagemaker.headers


def test_a_model_that_takes_too_long_is_told_before_the_caller_is_cut_off(
    sagemaker: _SageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert function._TIMEOUT_SECONDS < 30
    monkeypatch.setattr(function, "_TIMEOUT_SECONDS", 0.2)
    function._runtime.cache_clear()
    sagemaker.body = None
    try:
        answer = handler(_request(), None)
    finally:
        sagemaker.over.set()
        function._runtime.cache_clear()
    assert answer["statusCode"] == 504
    assert "allowed: fewer documents" in json.loads(answer["body"])["error"]
