"""Endpoint of containers' credentials, like the one of ECS that SageMaker's containers use.

See https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html.
"""

import json
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from localcloud.core.role_sessions import CREDENTIALS_PATH, container_credentials


def with_container_credentials(application: WSGIApplication) -> WSGIApplication:
    """Answer requests for containers' credentials, and leave the others to ``application``."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(CREDENTIALS_PATH):
            return application(environ, start_response)
        found = container_credentials(path.removeprefix(CREDENTIALS_PATH))
        body = json.dumps(found or {"code": "NotFound", "message": "There are no such credentials."}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response("200 OK" if found else "404 Not Found", headers)
        return [body]

    return answer
