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
# After SIGTERM clients that are at it get an answer that closes their connection; those that are idle are waited for.
_LAST_CALL_SECONDS = 0.5
_LOOK_SECONDS = 0.05
# A connection that is closed while the client begins to send is a failed request: better that the client closes it.
_KEEP_ALIVE_SECONDS = 75

_log = logging.getLogger(__name__)


def serve(listener: socket.socket, max_body_bytes: int) -> bool:
    """Load the model, serve until SIGTERM or until the parent process is gone, and finish the requests in hand.

    Args:
        listener: a socket that is bound; it listens once the model is loaded.
        max_body_bytes: a larger request is refused.

    Returns:
        Whether there is a usable model; the log tells what is wrong with it.
    """
    # Only here, in the child: ONNX Runtime starts a thread when it is imported, and threads do not go through a fork.
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
    # What is there now stays: the collector need not go through it again and again.
    gc.collect()
    gc.freeze()
    _log.info("Serving %d topics over %d words.", model.encoder.num_topics, model.encoder.feature_dim)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(_Server(config, application), listener))
    return True


class _Server(uvicorn.Server):
    """An HTTP server that goes on for a moment after SIGTERM, so that no client finds its connection closed."""

    def __init__(self, config: uvicorn.Config, application: Application) -> None:
        super().__init__(config)
        self._application = application
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drain: asyncio.Task[None] | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Take a signal, which may come at any place in the code."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.stop)

    def stop(self) -> None:
        """Begin to end."""
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
