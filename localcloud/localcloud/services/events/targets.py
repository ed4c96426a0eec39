"""Targets of EventBridge rules: functions, queues and topics, each of which must allow EventBridge.

See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.events.utils import EventMessageType, EventTemplateParser
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from localcloud.authorization.enforcement import NotAuthorized, require_service
from localcloud.core.errors import LocalCloudError
from localcloud.core.policy import AccessRequest, Effect, account_of, evaluate
from localcloud.services.awslambda.models import LocalFunction

_SERVICE = "events.amazonaws.com"


class UndeliverableError(LocalCloudError):
    """A target cannot be reached; ``code`` is EventBridge's error code."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def is_known(target: Mapping[str, Any]) -> bool:
    """Return True if this module can deliver to the target."""
    return _service(target) in _DELIVERIES


def deliver(rule_arn: str, target: Mapping[str, Any], event: EventMessageType) -> None:
    """Deliver an event to a rule's target.

    Raises:
        UndeliverableError: The target does not exist or does not allow EventBridge.
    """
    try:
        _DELIVERIES[_service(target)](rule_arn, target, input_of(target, event))
    except NotAuthorized as denial:
        raise UndeliverableError("NO_PERMISSIONS", denial.message) from denial


def send_to_dead_letter_queue(
    rule_arn: str, target: Mapping[str, Any], event: EventMessageType, error: UndeliverableError
) -> None:
    """Send an undeliverable event to the target's dead-letter queue.

    See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html.

    Raises:
        NotAuthorized: The queue does not allow EventBridge.
    """
    attributes = {
        "RULE_ARN": rule_arn,
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": str(error),
    }
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    _send_message(rule_arn, target["DeadLetterConfig"]["Arn"], whole(event), message_attributes=typed)


def input_of(target: Mapping[str, Any], event: EventMessageType) -> str:
    """Return a target's input as JSON: a constant, a transformed event, a part of it, or all of it."""
    if "Input" in target:
        return str(target["Input"])
    if "InputTransformer" in target:
        transformer = target["InputTransformer"]
        paths = transformer.get("InputPathsMap", {})
        return json.dumps(EventTemplateParser.parse(transformer["InputTemplate"], paths, event))
    if "InputPath" in target:
        part: Any = json.loads(whole(event))
        for name in target["InputPath"].removeprefix("$").split(".")[1:]:
            part = part[name]
        return json.dumps(part)
    return whole(event)


def whole(event: EventMessageType) -> str:
    """Return the event as JSON, in the form in which it is sent."""
    sent = {key: value for key, value in event.items() if key != "ingestion-time"}
    if not isinstance(sent["time"], str):
        sent["time"] = f"{datetime.fromtimestamp(float(str(sent['time'])), UTC):%Y-%m-%dT%H:%M:%SZ}"
    return json.dumps(sent)


def _invoke(rule_arn: str, target: Mapping[str, Any], body: str) -> None:
    _, _, _, region, account, _, name = target["Arn"].split(":", 6)
    function = lambda_backends[account][region].get_function(name)
    if not isinstance(function, LocalFunction):
        raise TypeError(f"{name} was not created by the local cloud.")
    context = {"aws:sourcearn": rule_arn, "aws:sourceaccount": account_of(rule_arn) or ""}
    request = AccessRequest(_SERVICE, "lambda:InvokeFunction", function.function_arn, context)
    if evaluate(function.policy.statements, request) is not Effect.ALLOW:
        raise UndeliverableError("NO_PERMISSIONS", f"{name} has no permission for {_SERVICE} from {rule_arn}")
    function.invoke_later(body)


def _send(rule_arn: str, target: Mapping[str, Any], body: str) -> None:
    _send_message(rule_arn, target["Arn"], body, group_id=target.get("SqsParameters", {}).get("MessageGroupId"))


def _send_message(rule_arn: str, queue_arn: str, body: str, **more: Any) -> None:
    require_service(_SERVICE, "sqs:SendMessage", queue_arn, source_arn=rule_arn)
    _, _, _, region, account, name = queue_arn.split(":", 5)
    sqs_backends[account][region].send_message(name, body, **more)


def _publish(rule_arn: str, target: Mapping[str, Any], body: str) -> None:
    require_service(_SERVICE, "sns:Publish", target["Arn"], source_arn=rule_arn)
    _, _, _, region, account, _ = target["Arn"].split(":", 5)
    sns_backends[account][region].publish(body, arn=target["Arn"])


_DELIVERIES: Mapping[str, Callable[[str, Mapping[str, Any], str], None]] = {
    "lambda": _invoke,
    "sqs": _send,
    "sns": _publish,
}


def _service(target: Mapping[str, Any]) -> str:
    return str(target["Arn"].split(":")[2])
