"""The HTTP server: moto's, with services installed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from localcloud.core.poller import polling
from localcloud.core.service import Service, install


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
    server = make_server(
        "localhost",
        port,
        DomainDispatcherApplication(create_backend_app),
        threaded=True,
        request_handler=_QuietRequestHandler,
    )
    with polling(poller for service in services for poller in service.pollers):
        yield server
