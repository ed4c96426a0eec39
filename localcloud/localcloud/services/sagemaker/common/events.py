"""Events that SageMaker sends to EventBridge when an execution, a step or a job changes its status.

See https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from localcloud.core import event_bus

EXECUTION_CHANGED = "SageMaker Model Building Pipeline Execution Status Change"
STEP_CHANGED = "SageMaker Model Building Pipeline Execution Step Status Change"
TRAINING_JOB_CHANGED = "SageMaker Training Job State Change"
TUNING_JOB_CHANGED = "SageMaker HyperParameter Tuning Job State Change"
PROCESSING_JOB_CHANGED = "SageMaker Processing Job State Change"
TRANSFORM_JOB_CHANGED = "SageMaker Transform Job State Change"


def send(detail_type: str, resources: Sequence[str], detail: Mapping[str, Any]) -> None:
    """Send a SageMaker event to the bus of its first resource's account and region."""
    event_bus.send("aws.sagemaker", detail_type, resources, detail)


def send_job_change(detail_type: str, arn: str, described: Mapping[str, Any]) -> None:
    """Send a job's event: the Describe response, with times in milliseconds."""
    detail = {
        name: int(value.replace(tzinfo=UTC).timestamp() * 1000) if isinstance(value, datetime) else value
        for name, value in described.items()
    }
    send(detail_type, [arn], detail)
