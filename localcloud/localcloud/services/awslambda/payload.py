"""Limits on the events and results of functions.

Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
"""

from moto.awslambda.exceptions import LambdaClientError

LARGEST_RESULT = 6_291_556
"""Largest result of a function in bytes: 6 MB, and 100 bytes that Lambda's own message counts."""

_LARGEST_EVENTS = {"RequestResponse": 6 * 1024 * 1024, "Event": 1024 * 1024}


class RequestEntityTooLarge(LambdaClientError):
    """An event is too large."""

    code = 413


def require_event(body: str, invocation_type: str) -> None:
    """Check the size of an event.

    Raises:
        RequestEntityTooLarge: It is larger than 6 MB, or than 1 MB for an asynchronous invocation.
    """
    size, largest = len(body.encode()), _LARGEST_EVENTS.get(invocation_type)
    if largest and size > largest:
        raise RequestEntityTooLarge(
            "RequestEntityTooLargeException",
            f"{size} byte payload is too large for the {invocation_type} invocation type (limit {largest} bytes)",
        )
