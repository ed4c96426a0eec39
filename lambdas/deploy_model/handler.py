"""Serves the model that was approved: gives its ARN to the serving stack and nothing else."""

from __future__ import annotations

import json
import logging
import os
from typing import TypedDict

from decision import Decision
from following import follow
from serving_stack import ServingStack, StackBusy

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)


class MessageAttributes(TypedDict):
    """What is used of a message's attributes."""

    ApproximateReceiveCount: str


class Message(TypedDict):
    """What is used of a message of the queue; its body is EventBridge's event."""

    messageId: str
    receiptHandle: str
    body: str
    attributes: MessageAttributes


class Messages(TypedDict):
    """What Lambda gives a function that reads a queue."""

    Records: list[Message]


class Failure(TypedDict):
    """A message that is to come again."""

    itemIdentifier: str


class Answer(TypedDict):
    """What tells Lambda which messages are not done."""

    batchItemFailures: list[Failure]


def handler(event: Messages, _context: object) -> Answer:
    """Follow decisions on models; one that finds the stack busy comes again later, each time after a longer pause.

    Handling a message twice, or two messages in the wrong order, is harmless. See
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html.

    Returns:
        The messages that are to come again.

    Raises:
        botocore.exceptions.ClientError: the message could not be followed; it comes again after the queue's visibility
            timeout, and at last goes to the dead letters.
    """
    import boto3

    failures: list[Failure] = []
    for message in event["Records"]:
        decision = Decision.from_event(json.loads(message["body"]))
        what = f"Version {decision.version} was {decision.status}"
        stack = ServingStack(boto3.client("cloudformation"), os.environ["STACK_ID"], os.environ["MODEL_PARAMETER"])
        try:
            _logger.info("%s: %s", what, follow(decision, boto3.client("sagemaker"), stack))
        except StackBusy as busy:
            seconds = _postpone(message)
            _logger.info("%s: %s; it comes again in %d seconds", what, busy, seconds)
            failures.append({"itemIdentifier": message["messageId"]})
        except Exception:
            _logger.exception("%s, but that could not be followed; event %s", what, decision.event)
            raise
    return {"batchItemFailures": failures}


def _postpone(message: Message) -> int:
    """Let a message come again after a while, and return after how many seconds."""
    import boto3

    received = int(message["attributes"]["ApproximateReceiveCount"])
    first, longest = int(os.environ["FIRST_RETRY_SECONDS"]), int(os.environ["LONGEST_PAUSE_SECONDS"])
    seconds: int = min(first * 2 ** (received - 1), longest)
    boto3.client("sqs").change_message_visibility(
        QueueUrl=os.environ["QUEUE_URL"], ReceiptHandle=message["receiptHandle"], VisibilityTimeout=seconds
    )
    return seconds
