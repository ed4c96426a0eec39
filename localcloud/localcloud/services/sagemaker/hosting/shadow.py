"""Shadow traffic: a share of the requests also goes to another variant, whose responses are discarded.

See https://docs.aws.amazon.com/sagemaker/latest/dg/model-shadow-deployment.html.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

logger = logging.getLogger(__name__)

_AT_ONCE = 8
_MOST_WAITING = 256


class ShadowTraffic:
    """Requests to a shadow variant; those that it cannot keep up with are dropped.

    Args:
        name: Name of the variant.
    """

    def __init__(self, name: str):
        self._places = threading.BoundedSemaphore(_MOST_WAITING)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=f"shadow {name}")

    def send(self, work: Callable[[], object]) -> None:
        """Run ``work``, a request to the shadow variant, in the background."""
        if not self._places.acquire(blocking=False):
            return

        def run() -> None:
            try:
                work()
            except Exception as error:
                logger.info("A shadow request failed: %s", error)
            finally:
                self._places.release()

        self._threads.submit(run)

    def close(self) -> None:
        """Finish running requests and drop waiting ones."""
        self._threads.shutdown(cancel_futures=True)
