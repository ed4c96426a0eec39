"""The HTTP server of SageMaker's hosting contract: GET /ping and POST /invocations.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

import logging
import os
import signal
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ntm.artifacts import read_model
from ntm.errors import InputError
from ntm.inference import TopicModel
from ntm.invocations import RequestReader, UnsupportedMediaType
from ntm.responses import WRITERS, NotAcceptable, content_type_for
from ntm.sagemaker import model_directory

# SageMaker stops a container 30 seconds after SIGTERM.
_DRAIN_SECONDS = 25

_log = logging.getLogger(__name__)


def application(model: TopicModel, reader: RequestReader, max_body_bytes: int) -> Starlette:
    """Return the ASGI application that serves a model that is loaded.

    Args:
        model: the model.
        reader: of the model's requests.
        max_body_bytes: a larger request is refused with 413.
    """

    def predict(body: bytes, content_type: str, wanted: str) -> bytes:
        return WRITERS[wanted](model.topic_weights(reader.read(body, content_type)))

    async def ping(_: Request) -> Response:
        return Response()

    async def invocations(request: Request) -> Response:
        body = bytearray()
        size = 0
        # The rest of a body that is too large is read too, and dropped: a client that is still sending does not see
        # the answer.
        async for chunk in request.stream():
            size += len(chunk)
            if size <= max_body_bytes:
                body += chunk
        if size > max_body_bytes:
            raise HTTPException(413, f"The request has {size} bytes; allowed: {max_body_bytes}.")
        try:
            wanted = content_type_for(request.headers.get("accept", ""))
            content_type = request.headers.get("content-type", "")
            answer = await run_in_threadpool(predict, bytes(body), content_type, wanted)
            return Response(answer, media_type=wanted)
        except NotAcceptable as error:
            raise HTTPException(406, str(error)) from None
        except UnsupportedMediaType as error:
            raise HTTPException(415, str(error)) from None
        except InputError as error:
            raise HTTPException(400, str(error)) from None

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    return Starlette(
        routes=[Route("/ping", ping), Route("/invocations", invocations, methods=["POST"])],
        exception_handlers={HTTPException: refused},
    )


def main() -> int:
    """Load the model, serve until SIGTERM, finish the requests in hand; return the container's exit code."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # uvicorn drains on SIGTERM and then raises it again, for whoever handled it before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        model, text_reader = read_model(model_directory())
        # SageMaker sets both, the second for batch transform.
        port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
        max_body_bytes = int(os.environ.get("SAGEMAKER_MAX_PAYLOAD_IN_MB", "6")) * 1024 * 1024
    except (InputError, ValueError) as error:
        _log.error("%s", error)
        return 1
    app = application(model, RequestReader(model.feature_dim, text_reader), max_body_bytes)
    _log.info("Serving %d topics over %d words on port %d.", model.num_topics, model.feature_dim, port)
    uvicorn.run(
        app,
        host="0.0.0.0",
        port=port,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    return 0
