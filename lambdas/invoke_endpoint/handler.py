"""Hands requests of the HTTP API on to the endpoint, and its answers back.

The event and the answer are those of API Gateway's payload format 2.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html.
"""

from __future__ import annotations

import base64
import json
import logging
import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NotRequired, TypedDict, cast

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sagemaker_runtime.type_defs import InvokeEndpointInputTypeDef

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)

# API Gateway waits for 30 seconds.
_TIMEOUT_SECONDS: Final = 27

# What SageMaker takes, by the header in which its own HTTP API takes it; see
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html.
_ARGUMENTS: Final = {
    "content-type": "ContentType",
    "accept": "Accept",
    "x-amzn-sagemaker-custom-attributes": "CustomAttributes",
    "x-amzn-sagemaker-target-variant": "TargetVariant",
    "x-amzn-sagemaker-inference-id": "InferenceId",
}
# What is the caller's matter, or nobody's; what is missing here is the environment's, and an error of the function.
_STATUSES: Final = {
    "ValidationError": 400,
    "ThrottlingException": 429,
    "ModelNotReadyException": 503,
    "ServiceUnavailable": 503,
    "InternalDependencyException": 502,
    "InternalFailure": 502,
}


class HttpRequest(TypedDict):
    """What is used of API Gateway's event."""

    headers: dict[str, str]
    isBase64Encoded: bool
    body: NotRequired[str]


class HttpResponse(TypedDict):
    """What API Gateway makes an answer of."""

    statusCode: int
    headers: dict[str, str]
    body: str
    isBase64Encoded: bool


def handler(event: HttpRequest, _context: object) -> HttpResponse:
    """Ask the endpoint.

    Returns:
        The endpoint's answer; where there is none, a status and ``error``, a sentence that says why.

    Raises:
        botocore.exceptions.ClientError: the function may not ask, or asked wrongly.
    """
    from botocore.exceptions import ClientError, ReadTimeoutError

    body = event.get("body", "")
    if not body:
        return _problem(400, "The request has no body; allowed: documents, in a format that Content-Type names.")
    said = {header: event["headers"][header] for header in _ARGUMENTS if event["headers"].get(header)}
    for header, value in said.items():
        if not value.isascii():
            return _problem(400, f"The header {header} is {value!r}; allowed: ASCII characters.")
    request = {
        "EndpointName": os.environ["ENDPOINT_NAME"],
        "Body": base64.b64decode(body) if event["isBase64Encoded"] else body.encode(),
        **{_ARGUMENTS[header]: value for header, value in said.items()},
    }
    try:
        answer = _runtime().invoke_endpoint(**cast("InvokeEndpointInputTypeDef", request))
        return _answer(200, answer["ContentType"], answer["Body"].read())
    except ReadTimeoutError:
        return _problem(504, f"The model did not answer within {_TIMEOUT_SECONDS} seconds; allowed: fewer documents.")
    except ClientError as error:
        found = _answer_of(cast("dict[str, Any]", error.response))
        if found is None:
            raise
        return found


@cache
def _runtime() -> SageMakerRuntimeClient:
    """Return the client, made once in a process. It does not try again: who calls the API knows whether to."""
    import boto3
    from botocore.config import Config

    config = Config(read_timeout=_TIMEOUT_SECONDS, retries={"mode": "standard", "total_max_attempts": 1})
    return boto3.client("sagemaker-runtime", config=config)


def _answer_of(error: dict[str, Any]) -> HttpResponse | None:
    """Return what the caller is told of an error of SageMaker, or None where that is not the caller's matter."""
    code, message = error["Error"]["Code"], error["Error"]["Message"]
    _logger.warning("%s: %s", code, message)
    if code == "ModelError":
        # The container's own answer: its status and what it says is allowed.
        return _answer(error.get("OriginalStatusCode") or 502, "application/json", error["OriginalMessage"].encode())
    if code == "ValidationError" and message.startswith("Endpoint ") and "not found" in message:
        return _problem(503, "No model is served yet.")
    return _problem(_STATUSES[code], message) if code in _STATUSES else None


def _problem(status: int, sentence: str) -> HttpResponse:
    return _answer(status, "application/json", json.dumps({"error": sentence}).encode())


def _answer(status: int, content_type: str, body: bytes) -> HttpResponse:
    """Return an answer, in base64 where it is no text."""
    try:
        text, encoded = body.decode(), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    return {
        "statusCode": status,
        "headers": {"content-type": content_type},
        "body": text,
        "isBase64Encoded": encoded,
    }
