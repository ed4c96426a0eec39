"""Fork server: runs Python programs in copies of a process that has imported their libraries.

A separate program: ``python fork_server.py FD MODULE...``. It imports the modules, then reads requests from the socket
with this file descriptor, one message each: a JSON object (command, environ, directory), with the file descriptors of
the program's output and of a socket for its status. The copy writes its process id to the status socket; the fork
server writes the return code there when the program has exited. It ends when the writer has closed the socket.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import selectors
import socket
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

LONGEST_REQUEST = 1 << 20


def main() -> None:
    """Serve; in a copy, run the requested program and exit as it does."""
    number, *modules = sys.argv[1:]
    del sys.path[0]  # Programs must not find this folder's modules.
    with contextlib.closing(_Server(socket.socket(fileno=int(number)))) as server:
        for name in modules:
            importlib.import_module(name)
        gc.freeze()  # Collections in the copies skip the libraries, whose memory stays shared.
        program = server.serve()
    if program:
        _run(*program)


class _Server:
    def __init__(self, requests: socket.socket):
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ)
        self._running: dict[int, tuple[int, socket.socket]] = {}

    def serve(self) -> tuple[dict[str, Any], int] | None:
        """Serve until the socket closes; in a copy, return the request and its output."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self._requests:
                    self._report(key.fd)
                    continue
                message, numbers, *_ = socket.recv_fds(self._requests, LONGEST_REQUEST, 2)
                if not message:
                    return None
                output, status = numbers
                with warnings.catch_warnings():
                    # Python warns of threads, such as those that OpenBLAS keeps and ends properly in the copy.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    pid = os.fork()
                if pid == 0:
                    os.setsid()  # Before its id is known, so that its group can be killed from then on.
                    with socket.socket(fileno=status) as connection:
                        _send(connection, os.getpid())
                    return json.loads(message), output
                os.close(output)
                self._follow(pid, socket.socket(fileno=status))

    def close(self) -> None:
        """Close all file descriptors: a copy must not keep those of other programs open."""
        for exited, status in self._running.values():
            os.close(exited)
            status.close()
        self._selector.close()
        self._requests.close()

    def _follow(self, pid: int, status: socket.socket) -> None:
        exited = os.pidfd_open(pid)
        self._running[pid] = (exited, status)
        self._selector.register(exited, selectors.EVENT_READ, pid)

    def _report(self, exited: int) -> None:
        pid = self._selector.unregister(exited).data
        os.close(exited)
        _, status = self._running.pop(pid)
        _send(status, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        status.close()


def _send(status: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # Nobody waits for this program any more.
        status.send(str(number).encode())


def _run(request: dict[str, Any], output: int) -> None:
    """Make this process what a new one with this command would be, and run the script."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["directory"])
    _, script, *arguments = request["command"]
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).parent))
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    with contextlib.suppress(OSError):  # The name of the process, for tools such as top; Linux keeps 15 characters.
        Path("/proc/self/comm").write_text(Path(script).name)
    module = ModuleType("__main__")
    module.__file__ = script
    sys.modules["__main__"] = module
    exec(compile(Path(script).read_bytes(), script, "exec"), module.__dict__)


if __name__ == "__main__":
    main()
