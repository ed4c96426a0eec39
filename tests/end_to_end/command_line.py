"""The command line, run against the local cloud as an operator runs it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]


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
        return subprocess.run(
            self.command(*arguments), env=self.environ, cwd=_ROOT, capture_output=True, text=True, timeout=900
        )

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the full command line."""
        return [sys.executable, "-m", "topicsmith", *map(str, arguments), "--json"]
