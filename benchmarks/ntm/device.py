"""Training on the GPU against the CPU of the same machine."""

# Typer copies list defaults and never mutates them.
# ruff: noqa: B006

import itertools
import time
from typing import Annotated

import torch
import typer
from _common import command, console, show, train

TOPICS = 20
HIDDEN = 256

# Passes of a step over the documents' probabilities [D, V] (see ``ntm.network.decoder``): written as logits, read and
# written by the softmax, read and written again for the gradient, and read by its three sums.
_PASSES = 1 + 2 + 2 + 3
# Passes over each parameter: its gradient is written; Adam reads it, the parameter and two moments, and writes these
# three.
_OPTIMIZER_PASSES = 1 + 4 + 3
_FLOAT_BYTES = 4
_COPIED_BYTES = 2**29


def main(
    vocabulary: Annotated[list[int], typer.Option(help="May be repeated.", min=20)] = [2_000, 20_000],
    batch: Annotated[list[int], typer.Option(help="mini_batch_size; may be repeated.", min=1)] = [256, 4096],
    documents: Annotated[int, typer.Option(help="Synthetic documents of 50 words each.", min=1000)] = 100_000,
    epochs: Annotated[int, typer.Option(help="Epochs per training.", min=1)] = 3,
    threads: Annotated[int | None, typer.Option(help="CPU threads. Default: one per core.", min=1)] = None,
) -> None:
    """Measure documents per second on the CPU and the first GPU, alternating; requires a GPU.

    20 topics, one hidden layer of 256, Adam, no surplus topics. The share of the memory bandwidth is the traffic of
    a step's passes over probabilities and parameters, relative to a copy measured in the same run. It includes data
    that stays in a cache between two passes and can exceed 100 %; far below 100 %, memory is not the bottleneck.
    """
    if not torch.cuda.is_available():
        console.print("This machine has no GPU that torch can use: there is nothing to compare.")
        return
    cores = threads or torch.get_num_threads()
    devices = {"cpu": {"CUDA_VISIBLE_DEVICES": ""}, "cuda": {}}
    bandwidth = {device: _copy_bandwidth(device) for device in devices}
    rows = []
    for words, size in itertools.product(vocabulary, batch):
        taken = {
            device: train(
                cores,
                environ,
                documents=documents,
                vocabulary=words,
                objective={"surplus": 1.0},
                hyperparameters={
                    "num_topics": TOPICS,
                    "encoder_layers": str(HIDDEN),
                    "optimizer": "adam",
                    "mini_batch_size": size,
                    "epochs": epochs,
                },
            )["docs_per_s"]
            for device, environ in devices.items()
        }
        moved = _FLOAT_BYTES * (_PASSES * size * words + _OPTIMIZER_PASSES * words * (HIDDEN + TOPICS + 1))
        shares = (f"{taken[device] / size * moved / bandwidth[device]:.1%}" for device in devices)
        figures = (f"{taken[device]:,.0f}" for device in devices)
        rows.append((f"{words:,}", f"{size:,}", *figures, f"{taken['cuda'] / taken['cpu']:.2f}", *shares))
        console.print(" · ".join(rows[-1]), soft_wrap=True)
    speeds = ", ".join(f"{device} {speed / 1e9:,.0f} GB/s" for device, speed in bandwidth.items())
    title = f"{torch.cuda.get_device_name()} against {cores} threads; a copy in memory: {speeds}"
    columns = ["V", "batch", "CPU docs/s", "GPU docs/s", "ratio", "CPU share of bandwidth", "GPU share of bandwidth"]
    show(title, columns, rows)


def _copy_bandwidth(device: str) -> float:
    """Return the bytes per second, read and written, of a large copy: the best of ten."""
    source = torch.ones(_COPIED_BYTES // _FLOAT_BYTES, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(10):
        _wait(device)
        started = time.perf_counter()
        target.copy_(source)
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return 2 * _COPIED_BYTES / best


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    command(main)
