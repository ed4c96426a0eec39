"""Refusal of requests that break the service model, for every service whose requests moto dispatches by operation.

S3 is not among them: its model has hardly any constraints, and its own checks answer with its own error codes.
"""

import json
from collections.abc import Sequence
from typing import Any

from botocore.model import OperationNotFoundError
from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores, get_service_model

from localcloud.core.service import Service
from localcloud.validation.constraints import Violation, message, violations

# Services with another error code than ``ValidationException``, or ``ValidationError`` in the query protocol.
_CODES = {
    "budgets": "InvalidParameterException",
    "ec2": "InvalidParameterValue",
    "ecr": "InvalidParameterException",
    "logs": "InvalidParameterException",
    "organizations": "InvalidInputException",
    "resourcegroupstaggingapi": "InvalidParameterException",
    "sagemaker-runtime": "ValidationError",
    "secretsmanager": "InvalidParameterException",
    "sns": "InvalidParameter",
    "sqs": "InvalidParameterValue",
}


# Members whose enumeration in the model is narrower than what the service takes. ReceiveMessage's deprecated
# AttributeNames also names attributes of messages:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html.
_WIDER = {("sqs", "ReceiveMessage", "attributeNames")}


class InvalidRequest(ServiceException):
    """The request breaks the service model."""

    code = "ValidationException"

    def __init__(self, code: str, text: str):
        super().__init__(text)
        self.code = code


def _validate(response: BaseResponse) -> None:
    """Raise :class:`InvalidRequest` if a request breaks the model of its operation, which moto must have."""
    service, action = response.boto3_service_name, response._get_action()
    if not action or not hasattr(response, camelcase_to_underscores(action)):
        return  # For example, the answer of a custom resource.
    model = get_service_model(service)
    try:
        operation = model.operation_model(action)
    except OperationNotFoundError:
        return
    if operation.input_shape is None:
        return
    protocol = determine_request_protocol(model, response.headers.get("Content-Type"))
    in_json = protocol == "json"
    request = _json(response) if in_json else _parsed(response, operation, protocol)
    found = [
        one
        for one in violations(operation.input_shape, request, serialized=in_json)
        if (service, operation.name, one.path.partition(".")[0]) not in _WIDER
    ]
    if in_json and (wrong := next((one for one in found if one.of_type), None)):
        raise InvalidRequest("SerializationException", wrong.constraint)
    if found := [one for one in found if not one.of_type]:
        default = "ValidationError" if protocol in ("query", "ec2") else "ValidationException"
        raise InvalidRequest(_CODES.get(service, default), _message(service, found))


def _message(service: str, found: Sequence[Violation]) -> str:
    if service != "ecr":
        return message(found)
    # https://github.com/jenkins-x/jx/issues/1344
    constraint = found[0].constraint.removeprefix("Member ").replace("expression pattern: ", "expression '", 1)
    return f"Invalid parameter at '{found[0].path}' failed to satisfy constraint: '{constraint}'"


def _json(response: BaseResponse) -> Any:
    try:
        return json.loads(response.body or "{}")
    except ValueError as error:
        raise InvalidRequest("SerializationException", f"The request is not valid JSON: {error}") from error


def _parsed(response: BaseResponse, operation: OperationModel, protocol: str) -> Any:
    parser = PROTOCOL_PARSERS[protocol](operation, map_type=dict)
    request = response.normalized_request
    # An empty body is a payload too.
    payload = operation.input_shape.serialization.get("payload") if operation.input_shape else None
    empty = {payload: b""} if payload else {}
    return empty | parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": response.uri_match,
        }
    )


def install() -> None:
    """Validate every request after it was authorized, before moto handles it."""
    authorize = BaseResponse._authenticate_and_authorize_normal_action
    handle = BaseResponse.call_action

    def authorize_and_validate(self: BaseResponse, resource: str = "*") -> None:
        authorize(self, resource)
        _validate(self)

    def call_action(self: BaseResponse) -> Any:
        try:
            return handle(self)
        except InvalidRequest as refusal:
            return self.serialized(ActionResult(refusal))

    BaseResponse._authenticate_and_authorize_normal_action = authorize_and_validate  # type: ignore[assignment, method-assign]
    BaseResponse.call_action = call_action  # type: ignore[method-assign]


SERVICE = Service(name="validation", patches=(install,))
