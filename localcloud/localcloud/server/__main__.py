"""The server process of the local cloud."""

import json
import logging
import os
import signal
import sys
import warnings
from types import FrameType

from moto.iam.models import iam_backends

from localcloud.core import profiles
from localcloud.core.private_files import write_private
from localcloud.core.settings import STATE_FILE, account_id, endpoint_url, minute_seconds, port, region, state_dir
from localcloud.runtime import docker_cli
from localcloud.server.application import serving
from localcloud.server.services import SERVICES

logger = logging.getLogger(__name__)

OPERATOR = "operator"


def _create_operator() -> dict[str, str]:
    """Create the main account's administrator and return its access key."""
    iam = iam_backends[account_id()]["aws"]
    iam.create_user(region(), OPERATOR)
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    iam.put_user_policy(OPERATOR, "everything", json.dumps(everything))
    key = iam.create_access_key(OPERATOR)
    return {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}


def _stop(_signum: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, _stop)
    logger.info("A minute of metrics takes %g seconds", minute_seconds())
    with serving(port(), SERVICES) as server:
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
