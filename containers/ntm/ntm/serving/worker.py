"""Worker process of ``serve``: the model, and an event loop with the HTTP server."""

import asyncio
import gc
import logging
import multiprocessing
import socket
import time
from types import FrameType

import uvicorn
import uvloop

from ntm.common.errors import InputError
from ntm.common.sagemaker import model_directory
from ntm.serving.application import Application

# SageMaker kills a container 30 seconds after SIGTERM.
_DRAIN_SECONDS = 25
# After SIGTERM, responses close their connection; idle clients get this long to send another request.
_LAST_CALL_SECONDS = 0.5
_LOOK_SECONDS = 0.05
# Longer than clients keep idle connections: a request sent while the server closes the connection would fail.
_KEEP_ALIVE_SECONDS = 75

_log = logging.getLogger(__name__)


def serve(listener: socket.socket, max_body_bytes: int) -> bool:
    """Load the model, serve until SIGTERM or the parent's exit, and finish the requests in progress.

    Args:
        listener: Bound socket; it listens once the model is loaded.
        max_body_bytes: Maximum size of a request; larger ones are rejected.

    Returns:
        False if the model is unusable; the reason is logged.
    """
    # Imported in the child: ONNX Runtime starts a thread on import, and threads do not survive a fork.
    from ntm.serving.model import ServedModel

    try:
        model = ServedModel.read(model_directory())
    except InputError as error:
        _log.error("%s", error)
        return False
    application = Application(model, max_body_bytes)
    config = uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    # Exempt everything loaded so far, which stays for good, from garbage collection.
    gc.collect()
    gc.freeze()
    _log.info("Serving %d topics over %d words.", model.encoder.num_topics, model.encoder.feature_dim)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(_Server(config, application), listener))
    return True


class _Server(uvicorn.Server):
    """HTTP server that keeps serving briefly after SIGTERM, so that no client meets a closed connection."""

    def __init__(self, config: uvicorn.Config, application: Application) -> None:
        super().__init__(config)
        self._application = application
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drain: asyncio.Task[None] | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Schedule the shutdown; a signal may interrupt any code."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.stop)

    def stop(self) -> None:
        """Start the shutdown."""
        self._drain = self._drain or asyncio.ensure_future(self._last_call())

    async def _last_call(self) -> None:
        self._application.draining = True
        end = time.monotonic() + _LAST_CALL_SECONDS
        while self.server_state.connections and time.monotonic() < end:
            await asyncio.sleep(_LOOK_SECONDS)
        self.should_exit = True


async def _serve(server: _Server, listener: socket.socket) -> None:
    parent, loop = multiprocessing.parent_process(), asyncio.get_running_loop()
    assert parent is not None
    sentinel = parent.sentinel

    def orphaned() -> None:
        loop.remove_reader(sentinel)
        server.stop()

    loop.add_reader(sentinel, orphaned)
    await server.serve(sockets=[listener])
