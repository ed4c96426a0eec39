"""Log groups of Lambda functions."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


def group(functions: "LambdaClient", name: str) -> str:
    """Return the log group of a function; Lambda's default if its configuration cannot be read."""
    from botocore.exceptions import ClientError

    try:
        return functions.get_function_configuration(FunctionName=name)["LoggingConfig"]["LogGroup"]
    except (ClientError, KeyError):
        return f"/aws/lambda/{name}"
