"""SQS queues: moto's, made thread-safe and updatable by a stack.

moto loses messages when one thread deletes while another sends, and invokes functions within SendMessage; here
event-source mappings poll the queues.
"""

import json
import time
from copy import deepcopy
from typing import Any

import moto.sqs.models as moto_sqs
from moto.core.common_models import CloudFormationModel
from moto.sqs import urls
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from localcloud.core.resource_model import ResourceModel

# Interval at which a waiting receiver checks for messages that have become visible again.
_LOOK_SECONDS = 0.2


# Defaults of attributes that a template removes.
_DEFAULTS: dict[str, Any] = {
    "DelaySeconds": 0,
    "MessageRetentionPeriod": 4 * 24 * 3600,
    "ReceiveMessageWaitTimeSeconds": 0,
    "RedrivePolicy": {},
    "VisibilityTimeout": 30,
}


class LocalQueue(Queue, CloudFormationModel):
    """A thread-safe queue."""

    TYPE = "AWS::SQS::Queue"

    @property
    def lock(self) -> Any:
        """Condition that guards the messages and signals new ones."""
        return self._messages_lock

    @property
    def lambda_event_source_mappings(self) -> dict[str, Any]:
        """Empty: moto registers mappings here and would invoke them within SendMessage."""
        return {}

    @lambda_event_source_mappings.setter
    def lambda_event_source_mappings(self, mappings: dict[str, Any]) -> None:
        pass

    def add_message(self, message: Message) -> None:
        """Add a message."""
        with self.lock:
            super().add_message(message)

    def delete_message(self, receipt_handle: str) -> None:
        """Delete a received message.

        Raises:
            ReceiptHandleIsInvalid: The handle does not belong to a received message.
        """
        with self.lock:
            super().delete_message(receipt_handle)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Queue:
        """Update the queue's attributes; its policy is a resource of its own."""
        queue = sqs_backends[account_id][region_name].get_queue(original_resource.name)
        attributes = {**_DEFAULTS, **deepcopy(cloudformation_json["Properties"])}
        queue.tags = {tag["Key"]: tag["Value"] for tag in attributes.pop("Tags", [])}
        policy = queue.policy
        queue._set_attributes(attributes)
        queue.policy = policy
        return queue


class LocalSqs(SQSBackend):
    """SQS with long polling that does not block other requests."""

    @property
    def _url_module(self) -> Any:
        return urls

    def receive_message(
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        """Return visible messages, waiting for one up to the given time.

        Raises:
            QueueDoesNotExist: The queue does not exist.
        """
        deadline = time.monotonic() + wait_seconds_timeout
        while True:
            queue = self.get_queue(queue_name)
            assert isinstance(queue, LocalQueue)
            with queue.lock:
                received = super().receive_message(queue_name, count, 0, visibility_timeout, message_attribute_names)
                left = deadline - time.monotonic()
                if received or left <= 0:
                    return received
                queue.lock.wait(min(left, _LOOK_SECONDS))


class QueuePolicyResource(ResourceModel):
    """``AWS::SQS::QueuePolicy``."""

    TYPE = "AWS::SQS::QueuePolicy"

    def put(self) -> None:
        """Attach the policy to its queues."""
        self._set(json.dumps(self.properties["PolicyDocument"]))

    def remove(self) -> None:
        """Delete the queues' policy."""
        self._set(None)

    def _set(self, policy: str | None) -> None:
        queues = sqs_backends[self.account_id][self.region_name].queues
        for url in self.properties["Queues"]:
            if queue := queues.get(url.rpartition("/")[2]):
                queue.policy = policy


def install() -> None:
    """Replace moto's backend and its queues."""
    sqs_backends.backend = LocalSqs
    moto_sqs.Queue = LocalQueue  # type: ignore[misc]
