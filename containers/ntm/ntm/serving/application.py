"""ASGI application of SageMaker's hosting contract: GET /ping and POST /invocations.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html,
https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ntm.common.errors import InputError
from ntm.serving.requests import RequestReader, RequestTooLarge, UnsupportedMediaType
from ntm.serving.responses import JSON, WRITERS, Answer, NotAcceptable, wanted

if TYPE_CHECKING:
    from ntm.serving.model import ServedModel

# Larger requests run in a thread, so /ping, small requests and new connections do not wait for them.
_INLINE_BYTES = 64 * 1024
# Documents x topics of a response: 32 MB of numbers, about 100 MB of JSON.
_MAX_WEIGHTS = 8_000_000
# Topics described by their words, over all documents: about 15 MB of JSON.
_MAX_DESCRIBED = 100_000

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_log = logging.getLogger(__name__)


class _Response(NamedTuple):
    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class _Disconnected(Exception):
    """The client disconnected before its request was complete."""


class Application:
    """ASGI application that serves a model.

    Attributes:
        draining: Set before the process exits: /ping fails, and responses close their connection.
    """

    def __init__(self, model: "ServedModel", max_body_bytes: int) -> None:
        """Create the application.

        Args:
            model: Model to serve.
            max_body_bytes: Maximum size of a request; larger ones are rejected.
        """
        self.draining = False
        self._model = model
        self._max_body_bytes = max_body_bytes
        encoder = model.encoder
        self._reader = RequestReader(encoder.feature_dim, model.text_reader, _MAX_WEIGHTS // encoder.num_topics)
        self._thread = ThreadPoolExecutor(1, "invocations")
        self._routes = {"/ping": ("GET", self._ping), "/invocations": ("POST", self._invoke)}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handle an HTTP request."""
        method, handle = self._routes.get(scope["path"], ("", None))
        try:
            if handle is None:
                paths = ", ".join(f"{method} {path}" for path, (method, _) in self._routes.items())
                response = _refusal(404, f"There is no {scope['path'][:100]}; allowed: {paths}.")
            elif scope["method"] != method:
                reason = f"{scope['path']} does not support {scope['method']}; allowed: {method}."
                response = _refusal(405, reason)._replace(headers=((b"allow", method.encode()),))
            else:
                response = await handle(scope, receive)
        except _Disconnected:
            return
        except Exception:
            # Not the client's fault, and no reason to end this process.
            _log.exception("%s %s failed", scope["method"], scope["path"])
            response = _refusal(500, "The model failed; see the log of the container.")
        headers = [
            (b"content-type", response.content_type.encode()),
            (b"content-length", str(len(response.body)).encode()),
            *response.headers,
        ]
        if self.draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _ping(self, _scope: Message, _receive: Receive) -> _Response:
        """Answer 200 if the model answers a test query."""
        if self.draining:
            return _refusal(503, "The container is stopping.")
        self._model.encoder.check()
        return _Response(200)

    async def _invoke(self, scope: Message, receive: Receive) -> _Response:
        body, size = await self._body(receive)
        if size > self._max_body_bytes:
            return _refusal(413, f"The request has {size} bytes; allowed: {self._max_body_bytes}.")
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if size <= _INLINE_BYTES:
            return self._predict(body, headers)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._predict, body, headers)

    async def _body(self, receive: Receive) -> tuple[bytes, int]:
        """Return a request's body and its size.

        The rest of a body that is too large is read and dropped, because a client reads the response only after it has
        sent everything.
        """
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Disconnected
            part, more = message.get("body", b""), message.get("more_body", False)
            size += len(part)
            if size <= self._max_body_bytes:
                parts.append(part)
            else:
                parts.clear()
        return b"".join(parts), size

    def _predict(self, body: bytes, headers: dict[bytes, str]) -> _Response:
        try:
            encoding = headers.get(b"content-encoding", "identity")
            if encoding.lower() != "identity":
                raise UnsupportedMediaType(f"Content encoding {encoding!r} is not supported; allowed: identity.")
            content_type, top = wanted(headers.get(b"accept", ""))
            corpus = self._reader.read(body, headers.get(b"content-type", ""))
            described = len(corpus) * min(top, self._model.encoder.num_topics)
            if described > _MAX_DESCRIBED:
                raise RequestTooLarge(
                    f"The request asks for the words of {described} topics over all documents; allowed: "
                    f"{_MAX_DESCRIBED}."
                )
            answer = Answer(self._model.encoder.topic_weights(corpus), self._model.topic_words, top)
            return _Response(200, WRITERS[content_type](answer), content_type)
        except InputError as error:
            return _refusal(_STATUS.get(type(error), 400), str(error))


_STATUS: dict[type[InputError], int] = {NotAcceptable: 406, RequestTooLarge: 413, UnsupportedMediaType: 415}


def _refusal(status: int, reason: str) -> _Response:
    # The reason may quote the request, including lone surrogates.
    return _Response(status, orjson.dumps({"error": reason.encode("utf-8", "replace").decode()}))
