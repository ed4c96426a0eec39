"""Seconds from the start of the container's program, and of the peer, to the first answer."""

# Typer takes what it needs from a default that is a list, and changes nothing.
# ruff: noqa: B006

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from _servers import ours, torch_fastapi, write_random_model

from _common import Repeats, command, show, spread  # isort: skip  (it is found once _servers is there)


def main(
    vocabulary: Annotated[list[int], typer.Option(help="May be repeated.", min=100)] = [2000, 20_000],
    repeats: Repeats = 5,
) -> None:
    """Start both servers by turns, and ask until one answers.

    The container's model is loaded in all of its processes; the peer has one.

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
    show("Seconds to the first answer, median (least…most)", ["vocabulary", "peer", "ours"], rows)


if __name__ == "__main__":
    command(main)
