"""Event-source mappings: poll an SQS queue under the function's role and invoke the function with its messages.

See https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html. Unprocessed messages stay in the queue
and reappear after their visibility timeout, as often as the queue's redrive policy allows.
"""

import json
import logging
import threading
from collections.abc import Sequence
from typing import Any

import moto.awslambda.models as moto_lambda
from botocore.exceptions import BotoCoreError, ClientError
from moto.awslambda import urls
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import EventSourceMapping, LambdaBackend, lambda_backends
from moto.core.common_models import CloudFormationModel
from moto.sqs.models import sqs_backends

from localcloud.core.role_sessions import LAMBDA, AccessDenied, assume_role
from localcloud.core.settings import endpoint_url
from localcloud.services.awslambda.models import LocalFunction

logger = logging.getLogger(__name__)

_LARGEST_BATCH = 10
"""Maximum batch size: larger ones need a batching window, which is not supported here."""
_LEAST_CONCURRENCY = 2
_CONCURRENCY = 5
_WAIT_SECONDS = 5
_PAUSE_SECONDS = 1.0
_PARTIAL = "ReportBatchItemFailures"


class LocalEventSourceMapping(EventSourceMapping, CloudFormationModel):
    """A mapping from a queue to a function, with a polling thread."""

    def __init__(self, spec: dict[str, Any]):
        super().__init__(spec)
        self._result = "No records processed"
        self._stopped = threading.Event()
        self._free = threading.Condition()
        self._running = 0
        self._client: tuple[str, Any] | None = None

    def get_configuration(self) -> dict[str, Any]:
        """Return the response of GetEventSourceMapping."""
        return {**super().get_configuration(), "LastProcessingResult": self._result}

    def check(self) -> None:
        """Validate the mapping.

        Raises:
            LambdaClientError: The mapping cannot work; the message says why.
        """
        function = self._function
        queue = sqs_backends[self.account_id][self.region].get_queue(self._queue_name)
        visible_after = queue.attributes["VisibilityTimeout"]
        concurrency = (self.scaling_config or {}).get("MaximumConcurrency")
        problem = None
        if visible_after < int(function.timeout):
            problem = (
                f"Queue visibility timeout: {visible_after} seconds is less than Function timeout: "
                f"{function.timeout} seconds"
            )
        elif not 1 <= self.batch_size <= _LARGEST_BATCH:
            problem = f"BatchSize is {self.batch_size}; the local cloud allows 1 to {_LARGEST_BATCH}."
        elif concurrency is not None and int(concurrency) < _LEAST_CONCURRENCY:
            problem = f"MaximumConcurrency is {concurrency}; the least is {_LEAST_CONCURRENCY}."
        elif self.filter_criteria:
            problem = "FilterCriteria: the local cloud does not filter messages."
        if problem:
            raise LambdaClientError("InvalidParameterValueException", problem)
        try:
            self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["VisibilityTimeout"])
        except (AccessDenied, ClientError) as error:
            raise LambdaClientError(
                "InvalidParameterValueException",
                f"The function's execution role does not have permissions to call the queue: {error}",
            ) from error

    def start(self) -> None:
        """Start polling."""
        threading.Thread(target=self._poll, name=f"messages of {self._queue_name}", daemon=True).start()

    def stop(self) -> None:
        """Stop polling; running invocations continue."""
        self._stopped.set()
        with self._free:
            self._free.notify_all()

    @property
    def _function(self) -> LocalFunction:
        function = lambda_backends[self.account_id][self.region].get_function(self.function_arn)
        assert isinstance(function, LocalFunction)
        return function

    @property
    def _queue_name(self) -> str:
        return self.event_source_arn.rpartition(":")[2]

    @property
    def _queue_url(self) -> str:
        return f"{endpoint_url()}/{self.account_id}/{self._queue_name}"

    @property
    def _sqs(self) -> Any:
        """SQS client under the function's role."""
        role = self._function.role
        if self._client is None or self._client[0] != role:
            session = assume_role(role, LAMBDA, self._function.function_name[:64], self.region)
            self._client = (role, session.client("sqs"))
        return self._client[1]

    def _poll(self) -> None:
        while not self._stopped.is_set():
            try:
                self._wait_for_turn()
                messages = self._receive() if self.enabled and not self._stopped.is_set() else []
                if messages and (self._stopped.is_set() or not self.enabled):
                    self._give_back(messages)
                elif messages:
                    self._begin(messages)
                elif not self.enabled:
                    self._stopped.wait(_PAUSE_SECONDS)
            except Exception as error:
                if not self._stopped.is_set():
                    self._note_problem(error)
                    self._stopped.wait(_PAUSE_SECONDS)

    def _wait_for_turn(self) -> None:
        with self._free:
            self._free.wait_for(lambda: self._running < self._most or self._stopped.is_set())

    @property
    def _most(self) -> int:
        """Maximum number of concurrent invocations."""
        return int((self.scaling_config or {}).get("MaximumConcurrency", _CONCURRENCY))

    def _receive(self) -> list[dict[str, Any]]:
        received = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=self.batch_size,
            WaitTimeSeconds=_WAIT_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = received.get("Messages", [])
        return messages

    def _give_back(self, messages: Sequence[dict[str, Any]]) -> None:
        for message in messages:
            self._sqs.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )

    def _begin(self, messages: Sequence[dict[str, Any]]) -> None:
        with self._free:
            self._running += 1
        threading.Thread(target=self._work, args=(messages,), name=self.function_arn, daemon=True).start()

    def _work(self, messages: Sequence[dict[str, Any]]) -> None:
        try:
            outcome = self._function.run(json.dumps({"Records": [self._record(message) for message in messages]}))
            if outcome.failed:
                logger.warning("%s failed on messages of %s: %s", self.function_arn, self._queue_name, outcome.payload)
            done = [] if outcome.failed else self._done(messages, outcome.payload)
            if done:
                entries = [{"Id": str(index), "ReceiptHandle": handle} for index, handle in enumerate(done)]
                self._sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)
            self._result = "OK" if len(done) == len(messages) else "PROBLEM: Function call failed"
        except Exception as error:
            self._note_problem(error)
        finally:
            with self._free:
                self._running -= 1
                self._free.notify_all()

    def _done(self, messages: Sequence[dict[str, Any]], payload: str) -> list[str]:
        """Return the receipt handles of the messages that the response does not report as failed."""
        handles = {message["MessageId"]: message["ReceiptHandle"] for message in messages}
        if _PARTIAL not in (self.function_response_types or []):
            return list(handles.values())
        try:
            answer = json.loads(payload) or {}
            failed = {item["itemIdentifier"] for item in answer.get("batchItemFailures") or []}
        except (ValueError, TypeError, KeyError, AttributeError):
            return []
        # An unknown id fails the whole batch.
        return [handle for name, handle in handles.items() if name not in failed] if failed <= handles.keys() else []

    def _note_problem(self, error: Exception) -> None:
        problem = f"PROBLEM: {error}"
        if self._result != problem:
            unexpected = None if isinstance(error, AccessDenied | BotoCoreError | ClientError) else error
            logger.warning("Messages of %s could not be processed: %s", self._queue_name, error, exc_info=unexpected)
        self._result = problem

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return the message in the form of a function's event record."""
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.event_source_arn,
            "awsRegion": self.region,
        }


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    named = {"StringValue": "stringValue", "BinaryValue": "binaryValue", "DataType": "dataType"}
    lists: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    return lists | {ours: value[theirs] for theirs, ours in named.items() if theirs in value}


class LocalLambda(LambdaBackend):
    """moto's Lambda with working event-source mappings."""

    @property
    def _url_module(self) -> Any:
        return urls

    def create_event_source_mapping(self, spec: dict[str, Any]) -> EventSourceMapping:
        """Create a mapping and start polling.

        Raises:
            LambdaClientError: The mapping cannot work.
        """
        mapping = super().create_event_source_mapping(spec)
        if isinstance(mapping, LocalEventSourceMapping):
            try:
                mapping.check()
            except LambdaClientError:
                super().delete_event_source_mapping(mapping.uuid)
                raise
            mapping.start()
        return mapping

    def update_event_source_mapping(self, uuid: str, spec: dict[str, Any]) -> EventSourceMapping | None:
        """Update a mapping; an invalid update leaves it unchanged.

        Raises:
            LambdaClientError: The updated mapping cannot work.
        """
        before = dict(vars(self._event_source_mappings[uuid])) if uuid in self._event_source_mappings else {}
        mapping = super().update_event_source_mapping(uuid, spec)
        if isinstance(mapping, LocalEventSourceMapping):
            try:
                mapping.check()
            except LambdaClientError:
                vars(mapping).update(before)
                raise
        return mapping

    def delete_event_source_mapping(self, uuid: str) -> EventSourceMapping | None:
        """Delete a mapping."""
        mapping = super().delete_event_source_mapping(uuid)
        if isinstance(mapping, LocalEventSourceMapping):
            mapping.stop()
        return mapping


def install() -> None:
    """Replace moto's backend of Lambda."""
    lambda_backends.backend = LocalLambda
    moto_lambda.EventSourceMapping = LocalEventSourceMapping  # type: ignore[misc]
