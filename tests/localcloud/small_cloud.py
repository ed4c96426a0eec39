"""The local cloud without IAM: ``python small_cloud.py PORT``."""

import sys
import warnings

from localcloud.authorization import enforcement
from localcloud.server import unsupported
from localcloud.server.application import serving
from localcloud.server.services import SERVICES
from localcloud.services.organizations import service as organizations

# Tests send unauthenticated requests and see moto's own errors.
_LEFT_OUT = (enforcement.SERVICE, organizations.SERVICE, unsupported.SERVICE)


def main() -> None:
    warnings.simplefilter("ignore")
    with serving(int(sys.argv[1]), [service for service in SERVICES if service not in _LEFT_OUT]) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
