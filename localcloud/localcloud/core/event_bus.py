"""Events of AWS services, sent to EventBridge."""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from moto.events.models import events_backends

logger = logging.getLogger(__name__)


def send(source: str, detail_type: str, resources: Sequence[str], detail: Mapping[str, Any]) -> None:
    """Send an event to the bus of the account and region of its first resource.

    A failure is logged and does not reach the sender.
    """
    _, _, _, region, account, _ = resources[0].split(":", 5)
    try:
        events_backends[account][region].put_events(
            [
                {
                    "Source": source,
                    "DetailType": detail_type,
                    "Detail": json.dumps(detail, default=_time),
                    "Resources": list(resources),
                }
            ]
        )
    except Exception:
        logger.exception("No event %s for %s", detail_type, resources[0])


def _time(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    raise TypeError(f"An event cannot hold {value!r}.")
