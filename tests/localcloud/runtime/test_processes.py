import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.runtime import processes
from tests.localcloud.support import ROOT, wait_for

SERVER = """
import os, signal, sys, threading, time
from pathlib import Path
from localcloud.runtime.processes import spawn
# A shell that starts the tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
# A child with a child of its own.
program = "import subprocess, sys, time; print(subprocess.Popen(['sleep', '300']).pid, flush=True); time.sleep(300)"
child = spawn([sys.executable, "-c", program], environ=dict(os.environ), directory=Path("."))
threading.Thread(target=child.wait, daemon=True).start()
print(child.pid, child.stdout.readline().decode().strip(), flush=True)
time.sleep(300)
"""


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_its_server_however_it_ends(number: signal.Signals) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdout is not None
    child, grandchild = map(int, server.stdout.readline().split())
    assert _lives(child)
    assert _lives(grandchild)
    server.send_signal(number)
    server.wait()
    server.stdout.close()
    wait_for(lambda: not _lives(child) and not _lives(grandchild))


def _spawn(program: str) -> subprocess.Popen[bytes]:
    return processes.spawn([sys.executable, "-c", program], environ=processes.essential_environment(), directory=Path())


def _ended(process: subprocess.Popen[bytes], grace: float = 0) -> int:
    code = processes.end(process, grace)
    assert process.stdout is not None
    process.stdout.close()
    return code


def test_exit_codes_are_those_of_a_shell() -> None:
    process = _spawn("import sys; sys.exit(7)")
    process.wait()
    assert _ended(process) == 7
    assert _ended(_spawn("import time; time.sleep(600)")) == 128 + signal.SIGKILL


def test_process_gets_its_grace_period_and_is_then_killed() -> None:
    process = _spawn(
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "
        "print('up', flush=True); time.sleep(600)"
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert _ended(process, 300) == 0
    deaf = _spawn(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    )
    assert deaf.stdout is not None
    deaf.stdout.readline()
    assert _ended(deaf, 0.2) == 128 + signal.SIGKILL


def test_environment_variables_are_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_MACHINE", "x")
    process = _spawn("import os; print(sorted(os.environ))")
    assert process.stdout is not None
    assert b"SECRET_OF_THE_MACHINE" not in process.stdout.read()
    _ended(process)
