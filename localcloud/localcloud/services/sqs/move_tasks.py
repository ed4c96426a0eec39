"""Redrives of dead-letter queues, which moto lacks.

See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html.
"""

import base64
import json
import time
import uuid
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.sqs.models import Message, SQSBackend
from moto.sqs.responses import SQSResponse

from localcloud.services.sqs.models import LocalQueue


class UnsupportedOperation(ServiceException):
    """The source is no dead-letter queue."""

    code = "AWS.SimpleQueueService.UnsupportedOperation"


class ResourceNotFound(ServiceException):
    """There is no queue with the ARN."""

    code = "ResourceNotFoundException"


def _tasks(backend: SQSBackend) -> list[dict[str, Any]]:
    """Return the tasks, latest first."""
    found: list[dict[str, Any]] = backend.__dict__.setdefault("message_move_tasks", [])
    return found


def _queue(backend: SQSBackend, arn: str) -> LocalQueue:
    queue = backend.queues.get(arn.rpartition(":")[2])
    if queue is None or queue.queue_arn != arn:
        raise ResourceNotFound("The resource that you specified for the SourceArn parameter doesn't exist.")
    assert isinstance(queue, LocalQueue)
    return queue


def _sources(backend: SQSBackend, dead_letters: LocalQueue) -> list[LocalQueue]:
    """Return the queues whose dead letters a queue receives."""
    return [
        queue
        for queue in backend.queues.values()
        if isinstance(queue, LocalQueue)
        and (queue.redrive_policy or {}).get("deadLetterTargetArn") == dead_letters.queue_arn
    ]


def _start_message_move_task(self: SQSResponse) -> ActionResult:
    """Handle StartMessageMoveTask: move the messages to the destination or, by default, to the source queue."""
    backend, source_arn = self.sqs_backend, self._get_param("SourceArn")
    queue = _queue(backend, source_arn)
    sources = _sources(backend, queue)
    if not sources:
        raise UnsupportedOperation("Source queue must be configured as a Dead Letter Queue.")
    destination_arn = self._get_param("DestinationArn")
    destination = _queue(backend, destination_arn) if destination_arn else sources[0]
    with queue.lock:
        moved = [message for message in queue._messages if message.visible]
        queue._messages = [message for message in queue._messages if message not in moved]
    for message in moved:
        destination.add_message(_new(message))
    task = {
        "TaskHandle": _handle(source_arn),
        "Status": "COMPLETED",
        "SourceArn": source_arn,
        "ApproximateNumberOfMessagesMoved": len(moved),
        "ApproximateNumberOfMessagesToMove": len(moved),
        "StartedTimestamp": int(time.time() * 1000),
    }
    if destination_arn:
        task["DestinationArn"] = destination_arn
    _tasks(backend).insert(0, task)
    return ActionResult({"TaskHandle": task["TaskHandle"]})


def _new(message: Message) -> Message:
    """Return a message with the content of another; moved messages count as new."""
    new = Message(str(uuid.uuid4()), message.body, message.system_attributes)
    new.message_attributes, new.group_id = message.message_attributes, message.group_id
    new.mark_sent()
    return new


def _handle(source_arn: str) -> str:
    return base64.b64encode(json.dumps({"taskId": str(uuid.uuid4()), "sourceArn": source_arn}).encode()).decode()


def _list_message_move_tasks(self: SQSResponse) -> ActionResult:
    """Handle ListMessageMoveTasks."""
    source_arn = self._get_param("SourceArn")
    _queue(self.sqs_backend, source_arn)
    found = [task for task in _tasks(self.sqs_backend) if task["SourceArn"] == source_arn]
    shown = [{name: value for name, value in task.items() if name != "TaskHandle"} for task in found]
    return ActionResult({"Results": shown[: int(self._get_param("MaxResults") or 1)]})


def install() -> None:
    """Add the operations to moto's SQS."""
    SQSResponse.start_message_move_task = _start_message_move_task  # type: ignore[attr-defined]
    SQSResponse.list_message_move_tasks = _list_message_move_tasks  # type: ignore[attr-defined]
