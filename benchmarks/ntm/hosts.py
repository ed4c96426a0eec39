"""Throughput and loss of one host, of several hosts, and of as many independent trainings."""

import socket
from typing import Annotated, Any

import typer
from _common import Repeats, command, console, result, show, spread, start_training, train


def main(
    hosts: Annotated[int, typer.Option(help="Processes on this machine, one thread each.", min=2)] = 2,
    documents: Annotated[
        int, typer.Option(help="Documents of 50 words each, divided between the hosts.", min=1000)
    ] = 50_000,
    vocabulary: Annotated[int, typer.Option(min=20)] = 5_000,
    topics: Annotated[int, typer.Option(min=2)] = 20,
    epochs: Annotated[int, typer.Option(help="Epochs per training.", min=1)] = 10,
    repeats: Repeats = 3,
    interface: Annotated[str, typer.Option(help="Network interface for gloo.")] = "lo",
) -> None:
    """Train with all documents on one host, and with a part of them on each of several hosts, alternating.

    Every host has one thread and the default hyperparameters. The corpus is synthetic, with separate
    validation documents of the same topics. The ratio compares the total throughput of all hosts with one host. Its
    limit is the ratio of as many independent trainings ("apart") on the same parts of the documents, because cores
    share caches and memory.

      hosts.py --documents 20000 --epochs 5 --repeats 1
    """
    training = {"documents": documents, "vocabulary": vocabulary, "validation": max(1, documents // 10)}
    # No early stopping: both run all epochs.
    settings = {"num_topics": topics, "epochs": epochs, "num_patience_epochs": epochs}
    alone, together, apart = [], [], []
    for number in range(repeats):
        training["hyperparameters"] = settings | {"seed": number}
        alone.append(train(1, **training))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        ranks = [{"hosts": hosts, "rank": rank, "interface": interface} for rank in range(hosts)]
        together.append(_train_at_once([training | rank for rank in ranks], meeting))
        parts = {name: training[name] // hosts for name in ("documents", "validation")}
        apart.append(_train_at_once([training | parts] * hosts, {}))
        figures = f"{alone[-1]['docs_per_s']:,.0f} and {together[-1]['docs_per_s']:,.0f} documents/s"
        console.print(f"seed {number}: {figures}", soft_wrap=True)
    rows = [
        (
            name,
            spread([run["docs_per_s"] for run in runs], ",.0f"),
            spread([run["docs_per_s"] / one["docs_per_s"] for run, one in zip(runs, alone, strict=True)], ".2f"),
            spread([run["epoch_s"] for run in runs], ".1f"),
            spread([run["loss"] for run in runs], ".4f"),
            spread([run["validation"] for run in runs], ".4f"),
            spread([run["peak_mb"] for run in runs], ".0f"),
        )
        for name, runs in (("1", alone), (str(hosts), together), (f"{hosts} apart", apart))
    ]
    columns = ["hosts", "docs/s", "ratio", "s/epoch", "training loss", "validation loss", "peak MB of a host"]
    show("Median (minimum…maximum); losses in nats per word", columns, rows)


def _train_at_once(trainings: list[dict[str, Any]], environ: dict[str, str]) -> dict[str, Any]:
    """Run trainings concurrently; return the measurements of the first one and the total throughput."""
    processes = [start_training(1, environ, **training) for training in trainings]
    try:
        runs = [result(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
    peak = max(run["peak_mb"] for run in runs)
    return runs[0] | {"docs_per_s": sum(run["docs_per_s"] for run in runs), "peak_mb": peak}


if __name__ == "__main__":
    command(main)
