"""Time and memory of training by corpus size, and training on corpora larger than memory."""

# Typer copies list defaults and never mutates them.
# ruff: noqa: B006

import itertools
import math
from typing import Annotated

import typer
from _common import console, show, train

_ENTRY_BYTES = 8
_MB = 2**20

Threads = Annotated[int, typer.Option(min=1)]

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback()
def _about() -> None:
    """Time and memory on synthetic documents of 50 words, with default hyperparameters and one process per training."""


@app.command()
def grid(
    documents: Annotated[list[int], typer.Option(help="May be repeated.", min=100)] = [10_000, 100_000, 1_000_000],
    vocabulary: Annotated[list[int], typer.Option(help="May be repeated.", min=20)] = [2_000, 5_000, 20_000],
    topics: Annotated[list[int], typer.Option(help="May be repeated.", min=2)] = [100, 500],
    epochs: Annotated[int, typer.Option(help="Epochs per training.", min=1)] = 1,
    threads: Threads = 2,
) -> None:
    """Measure seconds per epoch and peak memory for each combination; the grid takes about an hour on two cores.

    Start s is the time before the first epoch, topics s the time after the last one, idle MB the memory of the process
    without documents. Two limits are shown. Time: the exponent e of seconds ~ documents^e relative to the size above; 1
    is linear. Memory: the bytes per additional entry (a word in a document) relative to the size above, of which 8 are
    its id and count; and the size of the dense float32 matrix of the same documents relative to the peak.

      scaling.py grid --documents 10000 --documents 100000 --vocabulary 5000 --topics 100
    """
    rows = []
    for words, number in itertools.product(vocabulary, topics):
        smaller = None
        for size in sorted(documents):
            hyperparameters = {"num_topics": number, "epochs": epochs}
            taken = train(threads, documents=size, vocabulary=words, hyperparameters=hyperparameters)
            exponent, entry_bytes = "-", "-"
            if smaller:
                grown = taken["documents"] / smaller["documents"]
                exponent = f"{math.log(taken['epoch_s'] / smaller['epoch_s']) / math.log(grown):.2f}"
                added = (taken["peak_mb"] - smaller["peak_mb"]) * _MB
                entry_bytes = f"{added / (taken['entries'] - smaller['entries']):.1f}"
            smaller = taken
            dense_mb = size * words * 4 / _MB
            rows.append(
                (
                    f"{size:,}",
                    f"{words:,}",
                    str(number),
                    f"{taken['epoch_s']:.1f}",
                    exponent,
                    f"{taken['start_s']:.1f}",
                    f"{taken['topics_s']:.1f}",
                    f"{taken['before_mb']:.0f}",
                    f"{taken['peak_mb']:.0f}",
                    entry_bytes,
                    f"{dense_mb:,.0f}",
                    f"{dense_mb / taken['peak_mb']:.1f}",
                )
            )
            console.print(" · ".join(rows[-1]), soft_wrap=True)
    columns = ["documents", "V", "K", "s/epoch", "exponent", "start s", "topics s", "idle MB", "peak MB", "bytes/entry"]
    show("Time and memory", [*columns, "dense MB", "dense/peak"], rows)


@app.command()
def disk(
    documents: Annotated[list[int], typer.Option(help="May be repeated.", min=100)] = [500_000, 1_000_000, 2_000_000],
    memory: Annotated[int, typer.Option(help="Memory budget of the corpus, in MB.", min=1)] = 64,
    vocabulary: Annotated[int, typer.Option(min=20)] = 5_000,
    topics: Annotated[int, typer.Option(min=2)] = 20,
    epochs: Annotated[int, typer.Option(help="Epochs per training.", min=1)] = 1,
    threads: Threads = 2,
) -> None:
    """Train on corpora larger than their memory budget, from disk and in memory.

    From disk, peak memory is constant except for 8 bytes per document; in memory it grows with the corpus. The last
    column is the ratio of the time of an epoch from disk to one in memory.

      scaling.py disk --documents 200000 --documents 400000 --memory 16
    """
    rows = []
    for size in sorted(documents):
        common = {"documents": size, "vocabulary": vocabulary}
        common["hyperparameters"] = {"num_topics": topics, "epochs": epochs}
        streamed = train(threads, memory_bytes=memory * _MB, **common)
        held = train(threads, memory_bytes=2 * _ENTRY_BYTES * streamed["entries"], **common)
        corpus_mb = streamed["entries"] * _ENTRY_BYTES / _MB
        rows.append(
            (
                f"{size:,}",
                f"{corpus_mb:.0f}",
                f"{corpus_mb / memory:.1f}",
                "memory" if streamed["in_memory"] else "disk",
                f"{streamed['peak_mb']:.0f}",
                f"{held['peak_mb']:.0f}",
                f"{streamed['epoch_s']:.1f}",
                f"{held['epoch_s']:.1f}",
                f"{streamed['epoch_s'] / held['epoch_s']:.2f}",
            )
        )
        console.print(" · ".join(rows[-1]), soft_wrap=True)
    columns = ["documents", "corpus MB", "corpus/budget", "from", "peak MB", "peak MB in memory"]
    show(f"A corpus that may take {memory} MB", [*columns, "s/epoch", "s/epoch in memory", "ratio of s/epoch"], rows)


if __name__ == "__main__":
    app()
