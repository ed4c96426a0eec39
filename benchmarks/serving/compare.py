"""Latency and documents a second: the container, the same model in PyTorch behind FastAPI, and ONNX Runtime alone."""

# Typer takes what it needs from a default that is a list, and changes nothing.
# ruff: noqa: B006

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from _servers import WORDS_PER_DOCUMENT, WORKERS, Server, body, ours, torch_fastapi, write_random_model

from _common import Repeats, command, console, run, show, spread  # isort: skip  (it is found once _servers is there)

Results = list[dict[str, Any]]


def main(
    vocabulary: Annotated[list[int], typer.Option(help="May be repeated.", min=100)] = [2000, 20_000],
    form: Annotated[list[str], typer.Option(help="text, bow (dense) or sparse; may be repeated.")] = ["text", "bow"],
    batch: Annotated[list[int], typer.Option(help="Documents a request; may be repeated.", min=1)] = [1, 100],
    clients: Annotated[list[int], typer.Option(help="Connections; may be repeated.", min=1)] = [1, 8, 64],
    peer_workers: Annotated[int, typer.Option(help="Processes of the peer (uvicorn --workers).", min=1)] = 1,
    seconds: Annotated[float, typer.Option(help="Of each measurement.", min=0.1)] = 3.0,
    repeats: Repeats = 3,
) -> None:
    """Measure both servers under the same requests, by turns; and the bare call of the same documents.

    Both are asked in JSON and give the same answers, which is checked. The clients' process shares the cores with the
    servers. CPU is what a server's processes spent, the ratio of which other work on the machine hardly changes.
    Overhead is the container's median with one client less the bare call's.

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
        # Medians alone: a range for each makes the table too wide to read.
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
