"""The targets of EventBridge's rules: functions, queues and topics, each of which must let EventBridge in.

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
    """A target cannot be reached; the first argument is EventBridge's code for it."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def is_known(target: Mapping[str, Any]) -> bool:
    """Return whether a target is one of those that this module reaches."""
    return _service(target) in _DELIVERIES


def deliver(rule_arn: str, target: Mapping[str, Any], event: EventMessageType) -> None:
    """Bring an event to a target of a rule.

    Raises:
        UndeliverableError: the target is not there, or does not let EventBridge in.
    """
    try:
        _DELIVERIES[_service(target)](rule_arn, target, input_of(target, event))
    except NotAuthorized as denial:
        raise UndeliverableError("NO_PERMISSIONS", denial.message) from denial


def bury(rule_arn: str, target: Mapping[str, Any], event: EventMessageType, error: UndeliverableError) -> None:
    """Put an event that did not reach its target into the target's dead-letter queue.

    See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html.

    Raises:
        NotAuthorized: the queue does not let EventBridge in.
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
    """Return what a target gets, as JSON: a constant, something made of the event, a part of it, or all of it."""
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
    """Return an event as it is sent."""
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
