"""The HTTP API's function, against a fake SageMaker Runtime server."""

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
    """The fake server's next response and its last request.

    Attributes:
        status: HTTP status of the response.
        error: Error code of the response, if it is an error.
        content_type: Content type of the response.
        body: Body of the response; None if the server does not answer within the function's time limit.
        path: Path of the last request.
        headers: Headers of the last request, with lower-case names.
        asked: Body of the last request.
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
            """Suppress the request log."""

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


def test_the_request_is_forwarded_to_the_endpoint(sagemaker: _SageMaker) -> None:
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
    # The caller's credentials are not forwarded; the function signs with its own.
    assert "Bearer" not in sagemaker.headers["authorization"]
    assert answer == {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": _ANSWER.decode(),
        "isBase64Encoded": False,
    }


@given(asked=st.binary(min_size=1), answered=st.binary())
def test_request_and_response_bytes_are_unchanged(
    server: tuple[ThreadingHTTPServer, list[_SageMaker]], asked: bytes, answered: bytes
) -> None:
    sagemaker = server[1][0] = _SageMaker(content_type="application/x-recordio-protobuf", body=answered)
    answer = handler(_request(asked, content_type="application/x-recordio-protobuf"), None)
    assert sagemaker.asked == asked
    got = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    assert got == answered
    assert answer["headers"] == {"content-type": "application/x-recordio-protobuf"}


def test_the_containers_errors_are_passed_on(sagemaker: _SageMaker) -> None:
    refusal = '{"error": "Content-Type is text/html; allowed: text/plain"}'
    sagemaker.fail(424, "ModelError", Message="Received 415", OriginalStatusCode=415, OriginalMessage=refusal)
    answer = handler(_request(content_type="text/html"), None)
    assert (answer["statusCode"], answer["body"]) == (415, refusal)


def test_without_a_model_the_error_does_not_name_the_account(sagemaker: _SageMaker) -> None:
    message = "Endpoint topicsmith-dev of account 123456789012 not found."
    sagemaker.fail(400, "ValidationError", Message=message)
    answer = handler(_request(), None)
    assert (answer["statusCode"], json.loads(answer["body"])) == (503, {"error": "No model is being served yet."})


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
def test_sagemakers_errors_are_passed_on(sagemaker: _SageMaker, status: int, code: str, told: int) -> None:
    sagemaker.fail(status, code, Message="Why not.")
    answer = handler(_request(), None)
    assert (answer["statusCode"], json.loads(answer["body"])) == (told, {"error": "Why not."})


def test_a_missing_permission_fails_the_function(sagemaker: _SageMaker) -> None:
    sagemaker.fail(403, "AccessDeniedException", Message="User is not authorized")
    with pytest.raises(ClientError, match="not authorized"):
        handler(_request(), None)


@pytest.mark.parametrize("event", [{"headers": {}, "isBase64Encoded": False}, _request(b"")])
def test_an_empty_request_is_refused_with_what_is_allowed(sagemaker: _SageMaker, event: HttpRequest) -> None:
    answer = handler(event, None)
    assert answer["statusCode"] == 400
    assert "Send documents in the format" in json.loads(answer["body"])["error"]
    assert sagemaker.path == ""


def test_a_header_that_cannot_be_forwarded_is_refused(sagemaker: _SageMaker) -> None:
    answer = handler(_request(accept="application/json; topics=wörter"), None)
    assert answer["statusCode"] == 400
    assert "Header accept is 'application/json; topics=wörter'" in json.loads(answer["body"])["error"]
    assert sagemaker.path == ""


def test_an_empty_header_is_not_forwarded(sagemaker: _SageMaker) -> None:
    assert handler(_request(x_amzn_sagemaker_target_variant=""), None)["statusCode"] == 200
    assert "x-amzn-sagemaker-target-variant" not in sagemaker.headers


def test_a_slow_model_is_an_error_before_the_gateway_times_out(
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
    assert "Send fewer documents" in json.loads(answer["body"])["error"]
