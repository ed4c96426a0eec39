"""The command line, run against the local cloud as an operator runs it."""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]


class _Commands:
    """Commands as forks of one process that has loaded the command line; see ``command_server.py``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("command_server.py"))],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, arguments: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command and return how it ended."""
        assert self._server.stdin
        assert self._server.stdout
        with self._lock, tempfile.TemporaryDirectory() as directory:
            request = {"arguments": arguments, "environ": environ, "place": str(_ROOT), "directory": directory}
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()
            code = int(self._server.stdout.readline())
            stdout, stderr = (Path(directory, name).read_text("utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(arguments, code, stdout, stderr)

    def close(self) -> None:
        """End the process."""
        self._server.communicate()


_commands: _Commands | None = None


@contextmanager
def loaded() -> Iterator[None]:
    """Keep the command line loaded for all operators."""
    global _commands
    _commands = _Commands()
    try:
        yield
    finally:
        _commands.close()
        _commands = None


class Operator:
    """Runs commands on one environment.

    Args:
        environ: Environment variables of a client of the local cloud.
        environment: Value of the commands' ``--env`` option.
    """

    def __init__(self, environ: dict[str, str], environment: str = "dev"):
        self.environ = {**environ, "TOPICSMITH_ENV": environment}
        self.environment = environment

    def __call__(self, *arguments: str | Path) -> Any:
        """Run a command with ``--json`` and return what it printed."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    def attempt(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command with ``--json`` and return the completed process."""
        assert _commands
        return _commands.run([*map(str, arguments), "--json"], self.environ)

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the full command line."""
        return [sys.executable, "-m", "topicsmith", *map(str, arguments), "--json"]
