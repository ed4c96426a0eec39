"""Environment variables of functions, as Lambda sets them.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
"""

import json
from collections.abc import Mapping

from moto.awslambda.exceptions import InvalidParameterValueException

RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""Variables that Lambda sets and a function cannot; those of Lambda's own runtime are missing here."""

DEFAULTS: Mapping[str, str] = {
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
}
"""Variables that Lambda sets and a function may change."""

LOCAL_VARIABLES: Mapping[str, str] = {
    "AWS_ENDPOINT_URL": "the AWS API is this local cloud",
    "AWS_EC2_METADATA_DISABLED": "the metadata service of this machine, if any, is not the function's",
    "HOME": "the home directory of this user is not the function's; like the one on AWS, it is not writable",
    "TMPDIR": "functions share this machine's /tmp",
    "PATH": "programs of this machine stand in for the runtime's",
    "LD_LIBRARY_PATH": "libraries of this machine stand in for the runtime's",
    "LC_CTYPE": "Python sets it where the locale of LANG is not installed",
    "CUDA_VISIBLE_DEVICES": "passed to every process; functions have no GPU",
}
"""Variables that only the local cloud sets, each with its reason."""

_LARGEST_BYTES = 4096
_REFUSAL = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided"
)


def require_variables(variables: Mapping[str, str]) -> None:
    """Check the variables of a function.

    Raises:
        InvalidParameterValueException: One is reserved, or they are larger than 4 KB.
    """
    if reserved := sorted(RESERVED & variables.keys()):
        raise InvalidParameterValueException(
            f"{_REFUSAL} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > _LARGEST_BYTES:
        raise InvalidParameterValueException(f"{_REFUSAL} exceeded the 4KB limit. String measured: {measured}")
