"""Lambda proxy between the HTTP API and the SageMaker endpoint.

Events and responses use API Gateway's payload format 2.0:
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

# Headers of SageMaker's own HTTP API and the arguments that they become; see
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html.
_ARGUMENTS: Final = {
    "content-type": "ContentType",
    "accept": "Accept",
    "x-amzn-sagemaker-custom-attributes": "CustomAttributes",
    "x-amzn-sagemaker-target-variant": "TargetVariant",
    "x-amzn-sagemaker-inference-id": "InferenceId",
}
# Errors that the caller can act on. Any other code is a fault of the environment and fails the function.
_STATUSES: Final = {
    "ValidationError": 400,
    "ThrottlingException": 429,
    "ModelNotReadyException": 503,
    "ServiceUnavailable": 503,
    "InternalDependencyException": 502,
    "InternalFailure": 502,
}


class HttpRequest(TypedDict):
    """Event of API Gateway, with the keys in use."""

    headers: dict[str, str]
    isBase64Encoded: bool
    body: NotRequired[str]


class HttpResponse(TypedDict):
    """Response in API Gateway's payload format."""

    statusCode: int
    headers: dict[str, str]
    body: str
    isBase64Encoded: bool


def handler(event: HttpRequest, _context: object) -> HttpResponse:
    """Forward the request to the endpoint.

    Returns:
        The endpoint's response; if there is none, a status and a JSON object whose ``error`` gives the reason.

    Raises:
        botocore.exceptions.ClientError: The function lacks a permission or is misconfigured.
    """
    from botocore.exceptions import ClientError, ReadTimeoutError

    body = event.get("body", "")
    if not body:
        return _problem(400, "The request body is empty. Send documents in the format that Content-Type names.")
    given = {header: event["headers"][header] for header in _ARGUMENTS if event["headers"].get(header)}
    for header, value in given.items():
        if not value.isascii():
            return _problem(400, f"Header {header} is {value!r}. Only ASCII characters are allowed.")
    request = {
        "EndpointName": os.environ["ENDPOINT_NAME"],
        "Body": base64.b64decode(body) if event["isBase64Encoded"] else body.encode(),
        **{_ARGUMENTS[header]: value for header, value in given.items()},
    }
    try:
        answer = _runtime().invoke_endpoint(**cast("InvokeEndpointInputTypeDef", request))
        return _answer(200, answer["ContentType"], answer["Body"].read())
    except ReadTimeoutError:
        return _problem(504, f"The model did not respond within {_TIMEOUT_SECONDS} seconds. Send fewer documents.")
    except ClientError as error:
        found = _answer_of(cast("dict[str, Any]", error.response))
        if found is None:
            raise
        return found


@cache
def _runtime() -> SageMakerRuntimeClient:
    """Return the process-wide client, which leaves retries to the API's caller."""
    import boto3
    from botocore.config import Config

    config = Config(read_timeout=_TIMEOUT_SECONDS, retries={"mode": "standard", "total_max_attempts": 1})
    return boto3.client("sagemaker-runtime", config=config)


def _answer_of(error: dict[str, Any]) -> HttpResponse | None:
    """Return the response for a SageMaker error, or None if the caller cannot act on it."""
    code, message = error["Error"]["Code"], error["Error"]["Message"]
    _logger.warning("%s: %s", code, message)
    if code == "ModelError":
        # The container's own response: its status, and a message that says what it accepts.
        return _answer(error.get("OriginalStatusCode") or 502, "application/json", error["OriginalMessage"].encode())
    if code == "ValidationError" and message.startswith("Endpoint ") and "not found" in message:
        return _problem(503, "No model is being served yet.")
    return _problem(_STATUSES[code], message) if code in _STATUSES else None


def _problem(status: int, sentence: str) -> HttpResponse:
    return _answer(status, "application/json", json.dumps({"error": sentence}).encode())


def _answer(status: int, content_type: str, body: bytes) -> HttpResponse:
    """Return a response; a body that is not text is encoded as base64."""
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
