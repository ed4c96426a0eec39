"""Bootstrap of one invocation of a Python function in its own process, like Lambda's runtime.

The function sees the standard library, the packages of Lambda's runtime and its own code, nothing of the local cloud.
Started with ``python -I -S``; its input is in variables that begin with ``_SANDBOX_``, which it removes.
"""

import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

Handler = Callable[[Any, "Context"], Any]


class Context:
    """Lambda's context object.

    See https://docs.aws.amazon.com/lambda/latest/dg/python-context.html.
    """

    def __init__(self, request_id: str, arn: str, timeout_seconds: float):
        self.aws_request_id = request_id
        self.invoked_function_arn = arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline = time.monotonic() + timeout_seconds

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation times out."""
        return max(0, round((self._deadline - time.monotonic()) * 1000))


class InvocationFailed(Exception):
    """The invocation fails with an error of the runtime or of the handler.

    Attributes:
        error_type: For example ``Runtime.ImportModuleError``, or the class of the handler's exception.
        frames: Formatted stack frames.
    """

    def __init__(self, error_type: str, message: str, frames: list[str]):
        super().__init__(message)
        self.error_type = error_type
        self.frames = frames


def main() -> None:
    """Load the handler, call it with the event, and send its result or error to the local cloud."""
    given = {name[9:]: os.environ.pop(name) for name in list(os.environ) if name.startswith("_SANDBOX_")}
    request_id = given["REQUEST_ID"]
    control = int(given["CONTROL_FD"])
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"], given["PACKAGES"]]
    _set_up_logging(request_id)
    try:
        handler = load_handler(os.environ["_HANDLER"])
        _tell(control, ready=True)
        event = json.loads(Path(given["EVENT"]).read_text("utf-8"))
        context = Context(request_id, given["ARN"], float(given["TIMEOUT"]))
        _end(control, result=call(handler, event, context))
    except InvocationFailed as failure:
        print(f"[ERROR] {failure.error_type}: {failure}\nTraceback (most recent call last):")
        print("".join(failure.frames))
        error = {
            "errorMessage": str(failure),
            "errorType": failure.error_type,
            "requestId": request_id,
            "stackTrace": failure.frames,
        }
        _end(control, error=json.dumps(error))


def load_handler(name: str) -> Handler:
    """Import ``module.function``.

    Raises:
        InvocationFailed: The module cannot be imported or has no such function.
    """
    module_name, _, function_name = name.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        raise InvocationFailed("Runtime.UserCodeSyntaxError", message, []) from error
    except Exception as error:
        message = f"Unable to import module '{module_name}': {error}"
        frames = [] if isinstance(error, ImportError) else _frames(error)
        raise InvocationFailed("Runtime.ImportModuleError", message, frames) from error
    handler: Handler | None = getattr(module, function_name, None)
    if handler is None:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise InvocationFailed("Runtime.HandlerNotFound", message, [])
    return handler


def call(handler: Handler, event: Any, context: Context) -> str:
    """Return the handler's result as JSON.

    Raises:
        InvocationFailed: The handler raised, or its result is not JSON-serializable.
    """
    try:
        answer = handler(event, context)
    except Exception as error:
        raise InvocationFailed(type(error).__name__, str(error), _frames(error)) from error
    try:
        return json.dumps(answer)
    except (TypeError, ValueError) as error:
        raise InvocationFailed("Runtime.MarshalError", f"Unable to marshal response: {error}", []) from error


def _frames(error: BaseException) -> list[str]:
    stack = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_runtime(frame.filename)]
    return traceback.format_list(stack)


def _is_runtime(filename: str) -> bool:
    return filename == __file__ or filename.startswith("<frozen importlib") or "/importlib/__init__" in filename


def _set_up_logging(request_id: str) -> None:
    formatter = logging.Formatter(
        f"[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t{request_id}\t%(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)


def _tell(control: int, **message: Any) -> None:
    content = json.dumps(message).encode() + b"\n"
    while content:
        content = content[os.write(control, content) :]


def _end(control: int, **outcome: str) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    _tell(control, **outcome)
    os._exit(0)  # Ends the function's leftover threads too, like a frozen sandbox.


if __name__ == "__main__":
    main()
