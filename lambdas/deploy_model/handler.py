"""Lambda function that deploys approved models by updating the serving stack's model parameter."""

from __future__ import annotations

import json
import logging
import os
from typing import TypedDict

from decision import Decision
from following import follow
from serving_stack import ServingStack, StackBusy, StackNames

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)


class MessageAttributes(TypedDict):
    """Attributes of an SQS message, with the keys in use."""

    ApproximateReceiveCount: str


class Message(TypedDict):
    """SQS message that contains an EventBridge event, with the keys in use."""

    messageId: str
    receiptHandle: str
    body: str
    attributes: MessageAttributes


class Messages(TypedDict):
    """Lambda event for a batch of SQS messages."""

    Records: list[Message]


class Failure(TypedDict):
    """Message to redeliver."""

    itemIdentifier: str


class Answer(TypedDict):
    """Partial batch response."""

    batchItemFailures: list[Failure]


def handler(event: Messages, _context: object) -> Answer:
    """Apply approval decisions; if the stack or its endpoint is busy, retry later with exponential backoff.

    Messages may be delivered repeatedly and in any order. See
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html.

    Returns:
        The messages to redeliver.

    Raises:
        botocore.exceptions.ClientError: A decision could not be applied. SQS redelivers the message after the
            visibility timeout and eventually moves it to the dead-letter queue.
    """
    import boto3

    failures: list[Failure] = []
    for message in event["Records"]:
        decision = Decision.from_event(json.loads(message["body"]))
        what = f"Version {decision.version} was {decision.status}"
        sagemaker = boto3.client("sagemaker")
        stack = ServingStack(boto3.client("cloudformation"), sagemaker, StackNames.from_environment())
        try:
            _logger.info("%s: %s", what, follow(decision, sagemaker, stack))
        except StackBusy as busy:
            seconds = _postpone(message)
            _logger.info("%s: %s; retrying in %d seconds", what, busy, seconds)
            failures.append({"itemIdentifier": message["messageId"]})
        except Exception:
            _logger.exception("%s, but the decision could not be applied; event %s", what, decision.event)
            raise
    return {"batchItemFailures": failures}


def _postpone(message: Message) -> int:
    """Delay the redelivery of a message and return the delay in seconds."""
    import boto3

    received = int(message["attributes"]["ApproximateReceiveCount"])
    first, longest = int(os.environ["FIRST_RETRY_SECONDS"]), int(os.environ["LONGEST_PAUSE_SECONDS"])
    seconds: int = min(first * 2 ** (received - 1), longest)
    boto3.client("sqs").change_message_visibility(
        QueueUrl=os.environ["QUEUE_URL"], ReceiptHandle=message["receiptHandle"], VisibilityTimeout=seconds
    )
    return seconds
