"""The events that SageMaker sends to EventBridge when an execution, one of its steps or a job changes its status.

See https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.events.models import events_backends

logger = logging.getLogger(__name__)

EXECUTION_CHANGED = "SageMaker Model Building Pipeline Execution Status Change"
STEP_CHANGED = "SageMaker Model Building Pipeline Execution Step Status Change"
PROCESSING_JOB_CHANGED = "SageMaker Processing Job State Change"
TRANSFORM_JOB_CHANGED = "SageMaker Transform Job State Change"


def send(detail_type: str, resources: Sequence[str], detail: Mapping[str, Any]) -> None:
    """Send an event to the bus of the account and region of its first resource.

    Whoever changes a status goes on when the event does not arrive: the log says so.
    """
    _, _, _, region, account, _ = resources[0].split(":", 5)
    try:
        events_backends[account][region].put_events(
            [
                {
                    "Source": "aws.sagemaker",
                    "DetailType": detail_type,
                    "Detail": json.dumps(detail, default=_time),
                    "Resources": list(resources),
                }
            ]
        )
    except Exception:
        logger.exception("No event %s for %s", detail_type, resources[0])


def send_job_change(detail_type: str, arn: str, described: Mapping[str, Any]) -> None:
    """Send the event of a job, which holds what Describe answers, its times as milliseconds."""
    detail = {
        name: int(value.replace(tzinfo=UTC).timestamp() * 1000) if isinstance(value, datetime) else value
        for name, value in described.items()
    }
    send(detail_type, [arn], detail)


def _time(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    raise TypeError(f"An event cannot hold {value!r}.")
