"""The local cloud's process: moto's server, extended, until it is told to stop."""

import argparse
import importlib
import json
import logging
import os
import signal
import sys
import warnings
from types import FrameType

from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from localcloud.core import profiles
from localcloud.core.private_files import write_private
from localcloud.core.settings import STATE_FILE, account_id, endpoint_url, minute_seconds, region, state_dir
from localcloud.runtime import docker_cli

logger = logging.getLogger(__name__)

OPERATOR = "operator"
_EXTENSIONS = (
    "localcloud.authorization.enforcement",
    "localcloud.services.organizations.models",
    "localcloud.server.unsupported",
    "localcloud.services.cloudwatch.models",
    "localcloud.wiring.alarm_loop",
    "localcloud.services.cloudwatch.service_metrics",
    "localcloud.services.cloudformation.models",
    "localcloud.core.resource_model",
    "localcloud.services.iam.resources",
    "localcloud.services.cloudwatch.resources",
    "localcloud.services.budgets.resources",
    "localcloud.services.ecr.responses",
    "localcloud.services.ec2.resources",
    "localcloud.services.cloudformation.custom_resource",
    "localcloud.runtime.logs",
    "localcloud.services.awslambda.models",
    "localcloud.services.awslambda.resources",
    "localcloud.services.sqs.models",
    "localcloud.services.awslambda.event_source_mappings",
    "localcloud.services.events.rules",
    "localcloud.services.events.scheduler",
    "localcloud.services.sns.models",
    "localcloud.services.applicationautoscaling.models",
    "localcloud.services.applicationautoscaling.resources",
    "localcloud.services.sagemaker.responses",
    "localcloud.services.sagemaker.hosting.runtime_api",
    "localcloud.services.sagemaker.resources",
)


class _QuietRequestHandler(MotoRequestHandler):
    """One line a failed request; successful ones are too many to be worth a line."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if isinstance(code, int) and code >= 500:
            super().log_request(code, size)


def _create_operator() -> dict[str, str]:
    """Make the account's administrator, as whom the CDK CLI and the operator's commands act."""
    iam = iam_backends[account_id()]["aws"]
    iam.create_user(region(), OPERATOR)
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    iam.put_user_policy(OPERATOR, "everything", json.dumps(everything))
    key = iam.create_access_key(OPERATOR)
    return {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}


def _stop(_signum: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args(argv).port
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, _stop)
    logger.info("A minute of metrics takes %g seconds", minute_seconds())
    for extension in _EXTENSIONS:
        importlib.import_module(extension).install()
    server = make_server(
        "localhost",
        port,
        DomainDispatcherApplication(create_backend_app),
        threaded=True,
        request_handler=_QuietRequestHandler,
    )
    docker_cli.write_executable()
    operator = _create_operator()
    profiles.write_operator(state_dir(), **operator)
    place = {"account_id": account_id(), "region": region()}
    state = {"pid": os.getpid(), "endpoint_url": endpoint_url(), **place, **operator}
    write_private(state_dir() / STATE_FILE, json.dumps(state, indent=2))
    logger.info("The local cloud answers at %s", endpoint_url())
    try:
        server.serve_forever()
    finally:
        (state_dir() / STATE_FILE).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
