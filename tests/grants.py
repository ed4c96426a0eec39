"""Plugin for a run of all tests: every grant of the deployed roles is used, or its reason is known."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.end_to_end import grants


class Grants:
    """Check of the grants that the clouds of all workers leave."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="grants-"))
        self._problems: list[str] = []
        # The workers inherit it.
        os.environ[grants.VARIABLE] = str(self._directory)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.exitstatus == pytest.ExitCode.OK and not session.config.option.collectonly:
            self._problems = grants.unexplained(self._directory)
            if self._problems:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        shutil.rmtree(self._directory, ignore_errors=True)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._problems:
            terminalreporter.section("grants (tests/end_to_end/grants.py)", red=True)
            for problem in self._problems:
                terminalreporter.line(problem)
