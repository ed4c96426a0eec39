"""Preloaded programs: each is like a new process, apart from the time that it takes to import its libraries."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.core.settings import SettingError, preloads
from localcloud.runtime import processes
from localcloud.runtime.preloading import ForkedProcess, ForkServers
from tests.localcloud.support import ROOT, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="libraries may not survive a fork elsewhere")

Start = Callable[..., ForkedProcess]

_LIBRARY = "import os\nVALUE = os.environ.get('OMP_NUM_THREADS')\nPID = os.getpid()\n"


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServers]:
    monkeypatch.setenv("LOCALCLOUD_PRELOAD", json.dumps({"train": ["library"]}))
    servers = ForkServers()
    yield servers
    servers.close()


@pytest.fixture
def start(servers: ForkServers, tmp_path: Path) -> Start:
    """Start a program ``train`` with this source, in the fork server unless its library is missing."""
    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries" / "library.py").write_text(_LIBRARY)

    def run(source: str, *arguments: str, **environ: str) -> Any:
        image = tmp_path / "image"
        image.mkdir(exist_ok=True)
        (image / "train").write_text(source)
        variables = {"PYTHONPATH": str(tmp_path / "libraries"), "PYTHONUNBUFFERED": "1", **environ}
        return servers.start([sys.executable, str(image / "train"), *arguments], variables, image)

    return run


def _result(process: ForkedProcess) -> tuple[int, str]:
    with process.stdout:
        output = process.stdout.read().decode()
    return process.wait(), output


def _seen(process: ForkedProcess) -> Any:
    code, output = _result(process)
    assert code == 0, output
    return json.loads(output)


def test_the_program_finds_its_library_imported(start: Start) -> None:
    source = "import sys, os, json; found = 'library' in sys.modules\n"
    source += "import library; print(json.dumps([found, library.PID == os.getppid()]))"
    assert _seen(start(source)) == [True, True]


def test_the_program_sees_what_a_new_process_sees(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_CLOUD", "x")
    source = """
import json, os, signal, sys
import neighbour
print(json.dumps({
    "environ": dict(os.environ), "argv": sys.argv, "path": sys.path, "name": __name__, "file": __file__,
    "main": vars(sys.modules["__main__"]) is globals(), "directory": os.getcwd(),
    "leads": os.getsid(0) == os.getpgid(0) == os.getpid(),
    "descriptors": sorted(map(int, os.listdir("/proc/self/fd"))),
    "handlers": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
    "unbuffered": sys.stdout.write_through, "optimized": sys.flags.optimize,
}))
"""
    image = tmp_path / "image"
    image.mkdir()
    (image / "neighbour.py").write_text("")
    forked = _seen(start(source, "--fast", HOME="/home", LC_ALL="C.UTF-8"))
    environ = {"PYTHONPATH": str(tmp_path / "libraries"), "PYTHONUNBUFFERED": "1", "HOME": "/home", "LC_ALL": "C.UTF-8"}
    command = [sys.executable, str(image / "train"), "--fast"]
    new = subprocess.run(
        command,
        env=environ,
        cwd=image,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        check=True,
    )
    assert forked == json.loads(new.stdout)


@pytest.mark.parametrize(
    ("source", "code", "ending"),
    [
        ("print('done')", 0, "done\n"),
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit('no corpus')", 1, "no corpus\n"),
        ("raise ValueError('bad')", 1, "ValueError: bad\n"),
        ("import atexit; atexit.register(print, 'at the end')", 0, "at the end\n"),
        ("import threading; threading.Timer(0.01, print, ['from a thread']).start()", 0, "from a thread\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
    ],
)
def test_the_program_exits_as_a_new_process_does(start: Start, source: str, code: int, ending: str) -> None:
    found, output = _result(start(source))
    assert found == code
    assert output.endswith(ending)


def test_each_program_has_its_own_random_numbers(start: Start) -> None:
    first, second = (start("import random; print(random.random())") for _ in range(2))
    assert _result(first) != _result(second)


def test_libraries_are_loaded_with_the_programs_variables(start: Start) -> None:
    source = "import library; print(library.VALUE or 0)"
    assert [_seen(start(source, OMP_NUM_THREADS=number)) for number in ("1", "2")] == [1, 2]


def test_a_missing_library_and_other_programs_need_an_ordinary_process(
    servers: ForkServers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environ = {"PYTHONPATH": str(tmp_path)}
    assert servers.start([sys.executable, str(tmp_path / "serve")], environ, tmp_path) is None
    assert servers.start([str(tmp_path / "train")], environ, tmp_path) is None
    assert caplog.text == ""
    for _ in range(2):
        assert servers.start([sys.executable, str(tmp_path / "train")], environ, tmp_path) is None
    assert caplog.text.count("Programs start without library: the fork server has ended with exit code 1") == 1


def test_several_threads_may_wait_and_the_group_is_killed(start: Start) -> None:
    process = start("import subprocess, time; print(subprocess.Popen(['sleep', '300']).pid); time.sleep(300)")
    grandchild = int(process.stdout.readline())
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    assert processes.end(process) == 128 + signal.SIGKILL
    assert process.poll() == process.wait() == -signal.SIGKILL
    process.stdout.close()
    wait_for(lambda: not _lives(grandchild))


def test_programs_of_a_killed_server_count_as_killed(start: Start) -> None:
    process = start("import os, time; print(os.getppid()); time.sleep(300)")
    os.kill(int(process.stdout.readline()), signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    processes.end(process)
    process.stdout.close()


_CLOUD = """
import os, signal, sys
from pathlib import Path
from localcloud.runtime.processes import spawn
# A shell that starts the tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
child = spawn([sys.executable, sys.argv[1]], environ={"PYTHONUNBUFFERED": "1"}, directory=Path("."))
print(child.pid, child.stdout.readline().decode().strip(), flush=True)
child.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_programs_and_servers_do_not_outlive_the_cloud(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "train").write_text("import os, time; print(os.getppid()); time.sleep(300)")
    environ = {**os.environ, "LOCALCLOUD_PRELOAD": '{"train": ["decimal"]}', "PYTHONPATH": str(ROOT / "localcloud")}
    cloud = subprocess.Popen(
        [sys.executable, "-c", _CLOUD, str(tmp_path / "train")],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert cloud.stdout is not None
    child, server = map(int, cloud.stdout.readline().split())
    assert server != cloud.pid
    cloud.send_signal(number)
    cloud.wait()
    cloud.stdout.close()
    wait_for(lambda: not _lives(child) and not _lives(server))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("text", ["torch", "[]", '{"train": "torch"}', '{"train": [1]}'])
def test_an_invalid_setting_is_an_error(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_PRELOAD", text)
    with pytest.raises(SettingError, match="LOCALCLOUD_PRELOAD is"):
        preloads()
