"""The check for threads and processes that tests leave behind, run on tests that leave some."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.structure.imports import ROOT

_CONFTEST = """
import leaks

leaks._PATIENCE_SECONDS = 0.5

def pytest_configure(config):
    config.pluginmanager.register(leaks)
"""
_START = """
import subprocess, threading, pytest

forever = threading.Event()

def thread(name):
    threading.Thread(target=forever.wait, name=name, daemon=True).start()
"""
_TESTS = {
    "test_a": """
def test_thread(): thread("of a test")
def test_process(): subprocess.Popen(["cat"], stdin=subprocess.PIPE)
def test_ending(): threading.Timer(0.01, threading.Event().set).start()
""",
    "test_b": """
@pytest.fixture(scope="module")
def shared(): thread("of a module")
def test_module(shared): pass
""",
    "test_c": """
@pytest.fixture(scope="session")
def shared():
    thread("of a session")
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    yield
    process.communicate()
def test_first(): pass
def test_session(request): request.getfixturevalue("shared")
def test_last(): pass
""",
}


def test_leftover_threads_and_processes_fail_the_test(tmp_path: Path) -> None:
    (tmp_path / "leaks.py").write_text((ROOT / "tests" / "leaks.py").read_text("utf-8"))
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "conftest.py").write_text(_CONFTEST)
    for name, tests in _TESTS.items():
        (folder / f"{name}.py").write_text(_START + tests)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rE", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "."],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    found = re.findall(r"^left behind at the end of the (\w+): (thread '[\w ]+'|process)", done.stdout, re.M)
    assert sorted(found) == [
        ("function", "process"),
        ("function", "thread 'of a test'"),
        ("module", "thread 'of a module'"),
        ("session", "thread 'of a session'"),
    ], done.stdout + done.stderr
    assert set(re.findall(r"^ERROR tests/\w+\.py::(\w+)", done.stdout, re.M)) == {
        "test_thread",
        "test_process",
        "test_module",
        "test_last",
    }
