"""CDK CLI, run as a subprocess to synthesize the app and deploy it to the local cloud."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from topicsmith.core import checkout
from topicsmith.core.errors import OperatorError
from topicsmith.core.local_cloud import variables

if TYPE_CHECKING:
    from localcloud.control import LocalCloud

_LOG_LINES = 20
_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Command:
    """Running CDK command, whose output goes to ``log``."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def finish(self) -> None:
        """Wait for the command to finish.

        Raises:
            OperatorError: The command failed; the message ends with its output.
        """
        if self.process.wait() == 0:
            return
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        raise OperatorError(
            f"cdk {self.name} failed with exit code {self.process.returncode}. Full output: {self.log}",
            "\n".join(lines),
        )


class Cdk:
    """CDK commands for one environment. They run in the background.

    Args:
        environment: Name of the environment.
        directory: Directory for the assembly and the output of the commands.
        account: Account of the local cloud to act in as administrator; None for its main account.
    """

    def __init__(self, environment: str, directory: Path, account: str | None = None) -> None:
        self._stacks = f"{environment}/*"
        self._account = account
        self._directory = directory
        self._assembly = directory / "cdk.out"
        self._commands: list[Command] = []

    def synth(self, source: Path | None = None) -> Command:
        """Write the assembly of the app in ``source``, by default the checkout. No cloud is needed."""
        options = ["--quiet", "--output", str(self._assembly)]
        return self._start("synth", [self._stacks, *options], source or checkout.project_root(), {})

    def bootstrap(self, cloud: "LocalCloud") -> Command:
        """Bootstrap the account for ``cdk deploy``."""
        # In a directory without cdk.json it does not synthesize the app, which it does not need.
        place = f"aws://{self._account or cloud.account_id}/{cloud.region}"
        return self._start("bootstrap", [place], self._directory, self._variables(cloud))

    def deploy(self, cloud: "LocalCloud") -> Command:
        """Deploy the assembly that ``synth`` wrote."""
        options = ["--app", str(self._assembly), "--method=direct", "--require-approval=never", "--progress=events"]
        # The image is pushed to a repository that the data stack creates first.
        options.append("--asset-prebuild=false")
        return self._start("deploy", [self._stacks, *options], checkout.project_root(), self._variables(cloud))

    def stop(self) -> None:
        """Stop all running commands and their children."""
        for command in self._commands:
            if command.process.poll() is None:
                _stop(command.process)

    def _variables(self, cloud: "LocalCloud") -> dict[str, str]:
        return variables(cloud) | ({"AWS_PROFILE": self._account} if self._account else {})

    def _start(self, name: str, arguments: list[str], place: Path, environ: dict[str, str]) -> Command:
        executable = checkout.project_root() / "node_modules" / ".bin" / "cdk"
        if not executable.exists():
            raise OperatorError(f"The CDK CLI is not installed: there is no {executable}.", "Install it: make install")
        self._directory.mkdir(parents=True, exist_ok=True)
        log = self._directory / f"cdk-{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [str(executable), name, *arguments],
                cwd=place,
                env=_environ() | environ,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                # In a process group of its own it is stopped with its children, and not by Ctrl-C.
                start_new_session=True,
            )
        command = Command(name, process, log)
        self._commands.append(command)
        return command


@contextmanager
def commands(environment: str, directory: Path, account: str | None = None) -> Iterator[Cdk]:
    """Yield a ``Cdk`` whose commands do not outlive the block."""
    cdk = Cdk(environment, directory, account)
    try:
        yield cdk
    finally:
        cdk.stop()


def _environ() -> dict[str, str]:
    """Return this process's environment without AWS variables, and with this Python and its Node first on the PATH."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        # A deployment to this machine needs no network.
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _stop(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
