"""Latency and throughput of the container, of PyTorch behind FastAPI, and of ONNX Runtime alone."""

# Typer copies list defaults and never mutates them.
# ruff: noqa: B006

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from _servers import WORDS_PER_DOCUMENT, WORKERS, Server, body, ours, torch_fastapi, write_random_model

from _common import Repeats, command, console, run, show, spread  # isort: skip  (needs _servers' sys.path)

Results = list[dict[str, Any]]


def main(
    vocabulary: Annotated[list[int], typer.Option(help="Vocabulary size; may be repeated.", min=100)] = [2000, 20_000],
    form: Annotated[list[str], typer.Option(help="text, bow (dense) or sparse; may be repeated.")] = ["text", "bow"],
    batch: Annotated[list[int], typer.Option(help="Documents per request; may be repeated.", min=1)] = [1, 100],
    clients: Annotated[list[int], typer.Option(help="Connections; may be repeated.", min=1)] = [1, 8, 64],
    peer_workers: Annotated[int, typer.Option(help="Worker processes of the FastAPI server.", min=1)] = 1,
    seconds: Annotated[float, typer.Option(help="Duration of each measurement.", min=0.1)] = 3.0,
    repeats: Repeats = 3,
) -> None:
    """Measure both servers alternately with the same requests, and a bare ONNX Runtime call on the same documents.

    Requests are JSON, and both servers must return the same predictions. The client process shares the cores with the
    servers. CPU is the CPU time of a server's processes; its ratio barely depends on other work on the machine.
    Overhead is the container's median latency with one client minus that of the bare call.

      compare.py --vocabulary 2000 --form text --clients 1
    """
    rows = []
    with TemporaryDirectory() as temporary:
        for size in vocabulary:
            base = Path(temporary) / str(size)
            words = write_random_model(base, size)
            with ours(base) as own, torch_fastapi(base, peer_workers) as peer:
                for kind in form:
                    for documents in batch:
                        path = base / f"{kind}-{documents}.json"
                        path.write_bytes(body(kind, words, documents))
                        if kind != "sparse":
                            _require_same(own, peer, path)
                        for count in clients:
                            rows.append(_compare(own, peer, base, path, documents, count, seconds, repeats))
                            console.print(" · ".join(rows[-1]), soft_wrap=True)
    columns = [f"{who} {what}" for who in ("peer", "ours") for what in ("p50", "p99", "CPU", "docs/s")]
    columns = ["request", "clients", *columns, "docs/s ratio", "CPU ratio", "bare p50", "overhead"]
    show("Milliseconds a request, and documents a second; medians, and ratios (least…most)", columns, rows)


def _require_same(own: Server, peer: Server, path: Path) -> None:
    answers = [
        np.array([prediction["topic_weights"] for prediction in server.ask(path.read_bytes())["predictions"]])
        for server in (own, peer)
    ]
    np.testing.assert_allclose(*answers, atol=1e-5)


def _compare(
    own: Server, peer: Server, base: Path, path: Path, documents: int, clients: int, seconds: float, repeats: int
) -> tuple[str, ...]:
    asked: tuple[Results, Results] = ([], [])
    bare: Results = []
    for _ in range(repeats):
        bare.append(_bare(base, documents, seconds / 3))
        for server, results in zip((peer, own), asked, strict=True):
            server.load(path, clients, seconds / 10)
            results.append(server.load(path, clients, seconds))
    figures = []
    for results in asked:
        # Medians only: ranges would make the table too wide.
        figures += [f"{median(result[name] for result in results):.2f}" for name in ("p50", "p99", "cpu_ms")]
        figures.append(f"{documents * median(result['per_second'] for result in results):,.0f}")
    for better, worse in (("per_second", 1), ("cpu_ms", -1)):
        ratios = [(second[better] / first[better]) ** worse for first, second in zip(*asked, strict=True)]
        figures.append(spread(ratios, ".1f"))
    overheads = [second["p50"] - first["p50"] for first, second in zip(bare, asked[1], strict=True)]
    name = f"V={base.name} {path.stem.replace('-', ' x ')}"
    limit = f"{median(result['p50'] for result in bare):.3f}"
    overhead = spread(overheads, ".2f") if clients == 1 else "-"
    return (name, str(clients), *figures, limit, overhead)


def _bare(base: Path, documents: int, seconds: float) -> dict[str, Any]:
    arguments = (base / "model" / "model.onnx", documents, WORDS_PER_DOCUMENT, seconds)
    return run(WORKERS / "bare_onnx.py", *map(str, arguments), threads=1)


if __name__ == "__main__":
    command(main)
