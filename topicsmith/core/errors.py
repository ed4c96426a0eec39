"""Errors with a next step for the user, including those of AWS and its client."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.exceptions import ClientError


class OperatorError(Exception):
    """Expected error with a known next step.

    Args:
        message: Description of the problem, with the bad value.
        next_step: Recommended action, with shell commands on separate lines.
    """

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden"}
_INVALID_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
}
# S3 answers with a bare "Access Denied", and some operations differ from the permission that they need.
_S3_ACTIONS = {
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "ListObjectsV2": "s3:ListBucket",
}
_CREDENTIALS_STEP = (
    "Log in (aws sso login), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
    "--local uses the local cloud, which needs no credentials."
)


def explain(error: Exception) -> OperatorError | None:
    """Return ``error`` as an OperatorError, or None if it is not an error of AWS or its client."""
    from botocore import exceptions as aws

    match error:
        case OperatorError():
            return error
        case aws.ClientError():
            return _explain_refusal(error)
        case aws.NoCredentialsError() | aws.PartialCredentialsError():
            return OperatorError(f"No AWS credentials: {_sentence(error)}", _CREDENTIALS_STEP)
        case (
            aws.CredentialRetrievalError()
            | aws.TokenRetrievalError()
            | aws.SSOError()
            | aws.LoginError()
            | aws.ProfileNotFound()
        ):
            return OperatorError(f"The AWS credentials cannot be used: {_sentence(error)}", _CREDENTIALS_STEP)
        case aws.NoRegionError():
            return OperatorError(
                "No AWS region is set.",
                "Set AWS_REGION to the region in environments/<env>.yaml. In the checkout it is read from that file.",
            )
        case aws.ConnectionError() | aws.HTTPClientError():
            return OperatorError(
                f"AWS cannot be reached: {_sentence(error)}", "Check the network and AWS_ENDPOINT_URL."
            )
        case aws.BotoCoreError():
            return OperatorError(_sentence(error))
    return None


def code(error: "ClientError") -> str:
    """Return the error code of a failed AWS request, for example ``AccessDenied``."""
    return error.response.get("Error", {}).get("Code", "")


def is_denied(error: "ClientError") -> bool:
    """Return whether an AWS request failed for lack of permission."""
    return code(error) in _DENIED


def is_missing(error: "ClientError") -> bool:
    """Return whether an AWS request failed because its resource does not exist."""
    if code(error) in {"ResourceNotFound", "ResourceNotFoundException"}:
        return True
    # For endpoints and model packages, SageMaker says so only in the message of a validation error.
    return code(error) in {"ValidationException", "ValidationError"} and bool(
        re.search(r"does not exist|not f(?:ou|i)nd", str(error))
    )


def _explain_refusal(error: "ClientError") -> OperatorError:
    message = error.response.get("Error", {}).get("Message", "")
    if is_denied(error):
        return _explain_denial(error.operation_name, message)
    if code(error) in _INVALID_CREDENTIALS:
        return OperatorError(f"AWS rejected the credentials: {message or code(error)}", _CREDENTIALS_STEP)
    return OperatorError(f"AWS rejected {error.operation_name} ({code(error)}): {message}")


def _explain_denial(operation: str, message: str) -> OperatorError:
    action = re.search(r"not authorized to perform:? (\S+)", message)
    needed = action.group(1) if action else _S3_ACTIONS.get(operation, operation)
    resource = re.search(r"on resource:? \"?([^\s\"]+)", message)
    where = f" on {resource.group(1)}" if resource else ""
    return OperatorError(
        f"Access denied: these credentials lack {needed}{where}.",
        f"Request the permission {needed}, or use other credentials (AWS_PROFILE). "
        f"Message from AWS: {message or 'none'}",
    )


def _sentence(error: Exception) -> str:
    text = str(error).strip()
    return text if text.endswith(".") else f"{text}."
