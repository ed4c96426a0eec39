"""Shared code of the serving benchmarks: a model, requests, servers and clients."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase
from typing import Any

BENCHMARKS = Path(__file__).parents[1]
CONTAINER = BENCHMARKS.parent / "containers" / "ntm"
WORKERS = Path(__file__).parent / "workers"
sys.path[:0] = [str(BENCHMARKS / "ntm"), str(CONTAINER)]

import numpy as np  # noqa: E402
from _common import result, start  # noqa: E402

from ntm.artifacts.artifacts import Auxiliary, write_model  # noqa: E402
from ntm.common.hyperparameters import Hyperparameters  # noqa: E402
from ntm.data.vocabulary import default_tokenizer  # noqa: E402
from ntm.network.inference import Layer, TopicModel  # noqa: E402
from ntm.topics.topics import Topics  # noqa: E402

TOPICS, WIDTH = 20, 256
WORDS_PER_DOCUMENT = 50
_STARTUP_SECONDS = 60


def write_random_model(base: Path, vocabulary: int) -> list[str]:
    """Write a model of default size with random weights to ``base/model`` and return its vocabulary."""
    random = np.random.default_rng(0)

    def layer(*shape: int, bias: int) -> Layer:
        return Layer(random.normal(size=shape).astype(np.float32), random.normal(size=bias).astype(np.float32))

    hidden = (layer(vocabulary, WIDTH, bias=WIDTH),)
    model = TopicModel("relu", hidden, layer(TOPICS, WIDTH, bias=TOPICS), layer(vocabulary, TOPICS, bias=vocabulary))
    topics = Topics(
        np.full(TOPICS, 1 / TOPICS, np.float32),
        random.integers(vocabulary, size=(TOPICS, 20)),
        np.full((TOPICS, 20), 0.01, np.float32),
        np.zeros(TOPICS),
        np.ones(TOPICS),
    )
    words = ["".join(letters) for letters in islice(product(ascii_lowercase, repeat=5), 10**6, 10**6 + vocabulary)]
    settings = Hyperparameters.parse({"feature_dim": str(vocabulary), "num_topics": str(TOPICS)})
    auxiliary = Auxiliary("".join(f"{word}\n" for word in words).encode(), default_tokenizer())
    write_model(base / "model", model, topics, auxiliary, settings, {})
    return words


def body(form: str, words: Sequence[str], documents: int) -> bytes:
    """Return a JSON request in one of the forms ``text``, ``bow`` (dense counts) and ``sparse``.

    Each document has ``WORDS_PER_DOCUMENT`` words drawn by Zipf's law. Texts also contain words that are not in the
    vocabulary.
    """
    random = np.random.default_rng(documents)
    chances = 1 / np.arange(1, len(words) + 1)
    drawn = random.choice(len(words), (documents, WORDS_PER_DOCUMENT), p=chances / chances.sum())
    if form == "text":
        instances = [{"text": "The " + " of the ".join(words[word] for word in row) + "."} for row in drawn]
    elif form == "bow":
        counts = [np.bincount(row, minlength=len(words)).tolist() for row in drawn]
        instances = [{"features": row} for row in counts]
    else:
        found = [np.unique(row, return_counts=True) for row in drawn]
        instances = [
            {"data": {"features": {"keys": keys.tolist(), "shape": [len(words)], "values": values.tolist()}}}
            for keys, values in found
        ]
    return json.dumps({"instances": instances}, separators=(",", ":")).encode()


@contextmanager
def ours(base: Path, **environ: str) -> Iterator["Server"]:
    """Run the container's ``serve``."""
    with _server([sys.executable, str(CONTAINER / "serve")], base, environ) as server:
        yield server


@contextmanager
def torch_fastapi(base: Path, workers: int = 1) -> Iterator["Server"]:
    """Run the same model in PyTorch behind FastAPI."""
    command = [sys.executable, "-m", "uvicorn", "torch_fastapi:app", "--app-dir", str(WORKERS), "--workers"]
    with _server([*command, str(workers), "--no-access-log", "--log-level", "warning", "--port"], base, {}) as server:
        yield server


class Server:
    """A server on this machine.

    Attributes:
        port: Port on 127.0.0.1.
        process: Parent process.
        started_s: Seconds from start to first response.
    """

    def __init__(self, port: int, process: subprocess.Popen[bytes], started_s: float) -> None:
        self.port, self.process, self.started_s = port, process, started_s

    def ask(self, content: bytes) -> Any:
        """Send a request and return the response."""
        return json.loads(_post(self.port, content))

    def load(self, path: Path, clients: int, seconds: float, rate: float | None = None) -> dict[str, Any]:
        """Run ``workers/client.py`` and return its figures, with the server's CPU time per request as ``cpu_ms``."""
        arguments = (self.port, path, clients, seconds, *([rate] if rate else []))
        spent = -self._cpu_s()
        seen = result(start(WORKERS / "client.py", *map(str, arguments), threads=1))
        spent += self._cpu_s()
        return {**seen, "cpu_ms": 1000 * spent / seen["requests"]}

    def _cpu_s(self) -> float:
        return sum(_ticks(pid) for pid in _family(self.process.pid)) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Return the memory of all server processes, counting shared pages once."""
        return sum(_proportional_kb(pid) for pid in _family(self.process.pid)) / 1024


@contextmanager
def _server(command: Sequence[str], base: Path, environ: dict[str, str]) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if command[-1] == "--port":
        command = [*command, str(port)]
    begun = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_PORT": str(port), **environ},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(port, process)
        yield Server(port, process, time.perf_counter() - begun)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTUP_SECONDS
    while True:
        try:
            _post(port, b'{"instances":[{"text":""}]}')
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def _post(port: int, content: bytes) -> bytes:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", content, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=_STARTUP_SECONDS) as answer:
        received: bytes = answer.read()
        return received


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(descendant for child in children for descendant in _family(int(child)))]


def _ticks(pid: int) -> int:
    # utime and stime are fields 14 and 15. Field 2, the name in parentheses, may contain spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _proportional_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
