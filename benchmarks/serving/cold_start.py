"""Seconds from start to first response, for the container and for PyTorch behind FastAPI."""

# Typer copies list defaults and never mutates them.
# ruff: noqa: B006

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from _servers import ours, torch_fastapi, write_random_model

from _common import Repeats, command, show, spread  # isort: skip  (needs _servers' sys.path)


def main(
    vocabulary: Annotated[list[int], typer.Option(help="Vocabulary size; may be repeated.", min=100)] = [2000, 20_000],
    repeats: Repeats = 5,
) -> None:
    """Start the two servers alternately and measure the time to the first response.

    The container loads the model in each of its worker processes; the peer has one process.

    cold_start.py --vocabulary 20000
    """
    rows = []
    with TemporaryDirectory() as temporary:
        for size in vocabulary:
            base = Path(temporary) / str(size)
            write_random_model(base, size)
            seconds: dict[str, list[float]] = {"ours": [], "peer": []}
            for _ in range(repeats):
                for name, start in (("ours", ours), ("peer", torch_fastapi)):
                    with start(base) as server:
                        seconds[name].append(server.started_s)
            rows.append((str(size), *(spread(seconds[name], ".2f") for name in ("peer", "ours"))))
    show("Seconds to first response, median (min…max)", ["vocabulary", "peer", "ours"], rows)


if __name__ == "__main__":
    command(main)
