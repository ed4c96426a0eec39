"""Memory use of the container over many requests."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from _servers import body, ours, write_random_model

from _common import command, console, show  # isort: skip  (importable once _servers has extended sys.path)

_FORMS = (("text", 1), ("text", 100), ("bow", 1), ("sparse", 100))
_SLICES = 10


def main(
    vocabulary: Annotated[int, typer.Option(min=100)] = 2000,
    requests: Annotated[int, typer.Option(help="Minimum number of requests.", min=1000)] = 100_000,
    clients: Annotated[int, typer.Option(help="Connections.", min=1)] = 8,
) -> None:
    """Send requests of several forms and record the memory after each tenth of them.

    The memory is that of all container processes, with shared pages counted once.

      memory.py --requests 100000
    """
    rows = []
    with TemporaryDirectory() as temporary:
        base = Path(temporary)
        words = write_random_model(base, vocabulary)
        paths = []
        for form, documents in _FORMS:
            paths.append(base / f"{form}-{documents}.json")
            paths[-1].write_bytes(body(form, words, documents))
        with ours(base) as server:
            rows.append(("0", "-", f"{server.resident_mb():.1f}"))
            done = 0
            # Each form gets one second, so requests with one document, the fastest, are the most frequent.
            for number in range(1, _SLICES + 1):
                while done < number * requests / _SLICES:
                    for path in paths:
                        done += server.load(path, clients, 1.0)["requests"]
                        largest = path.stem
                rows.append((f"{done:,}", largest, f"{server.resident_mb():.1f}"))
                console.print(" · ".join(rows[-1]), soft_wrap=True)
    show("Memory", ["requests", "last form", "MB"], rows)


if __name__ == "__main__":
    command(main)
