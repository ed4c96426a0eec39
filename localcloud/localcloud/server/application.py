"""The HTTP server: moto's, with services installed."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from moto import backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from localcloud.core.poller import polling
from localcloud.core.service import Service, install
from localcloud.server.container_credentials import with_container_credentials


class _QuietRequestHandler(MotoRequestHandler):
    """Request handler that logs only server errors."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if isinstance(code, int) and code >= 500:
            super().log_request(code, size)


@contextmanager
def serving(port: int, services: Sequence[Service]) -> Iterator[BaseWSGIServer]:
    """Install services in this process, bind the port, and run the services' pollers until the block ends."""
    install(services)
    # moto lists its own folder in every request.
    modules = frozenset(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    server = make_server(
        "localhost",
        port,
        with_container_credentials(DomainDispatcherApplication(create_backend_app)),
        threaded=True,
        request_handler=_QuietRequestHandler,
    )
    # Modules and API models live as long as the server. In each full garbage collection they would take a second.
    gc.freeze()
    with polling(poller for service in services for poller in service.pollers):
        yield server
