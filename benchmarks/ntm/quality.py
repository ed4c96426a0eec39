"""Topic quality, perplexity, clustering, time and memory of ntm and its peers on the same corpora."""

# Typer copies list defaults and never mutates them.
# ruff: noqa: B006

import itertools
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from _common import NTM, WORKERS, Suite, command, console, corpora, run, show, spread

OURS = "ntm"
PEERS: Mapping[str, tuple[str, ...]] = {
    "sklearn_lda": ("peer_sklearn_lda.py",),
    "gensim_lda": ("peer_gensim_lda.py",),
    "tomotopy_lda": ("peer_tomotopy_lda.py",),
    "sklearn_nmf": ("peer_sklearn_nmf.py",),
    "plain_prodlda": ("peer_plain_vae.py", "--variant", "prodlda"),
    "plain_sagemaker": ("peer_plain_vae.py", "--variant", "sagemaker"),
}
# The suite's key, heading and format of each metric.
MEASURES = (
    ("npmi", "NPMI", ".3f"),
    ("tu20", "TU", ".3f"),
    ("ppl", "perplexity", ".0f"),
    ("nmi", "NMI", ".3f"),
    ("train_s", "seconds", ".1f"),
    ("peak_mb", "peak MB", ".0f"),
)
# Metrics where lower is better are compared as ratios.
RATIOS = ("ppl", "train_s", "peak_mb")

Run = Mapping[str, Any]
# Runs of each model, by corpus and number of topics.
Runs = Mapping[tuple[str, int], Mapping[str, Sequence[Run]]]


def main(
    suite: Suite,
    k: Annotated[list[int], typer.Option(help="Number of topics; may be repeated.", min=2)] = [20, 50],
    seeds: Annotated[int, typer.Option(help="Number of seeds, from 0, one run each.", min=1)] = 5,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of a corpus; may be repeated. Default: all of the suite's.", exists=True),
    ] = None,
    peers: Annotated[str, typer.Option(help="Names separated by commas; empty: none.")] = ",".join(PEERS),
    objective: Annotated[
        str | None, typer.Option(help="Objective of ntm: topics or elbo. Default: the package's.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of ntm. Default: the package's.", min=1)] = None,
    hyperparameter: Annotated[
        list[str] | None, typer.Option("--set", help="Hyperparameter of ntm, name=value; may be repeated.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads per run; the suite's peers are written for 2.", min=1)] = 2,
    cv: Annotated[bool, typer.Option("--cv", help="Also compute C_V for --save (slow).")] = False,
    save: Annotated[Path | None, typer.Option(help="JSON Lines file to which each run's scores are appended.")] = None,
) -> None:
    """Score ntm and its peers with the suite's scripts, each run in a separate process.

    Prints every run as it ends, then two tables: medians over seeds with their range, and ntm against each peer,
    seed by seed: differences for NPMI, TU and NMI (higher is better), ratios for the rest (lower is better).

      quality.py --suite DIR --k 20 --seeds 3 --peers tomotopy_lda,plain_prodlda
      quality.py --suite DIR --set optimizer=adam --set learning_rate=0.006 --epochs 40
    """
    names = [name for name in peers.split(",") if name]
    if unknown := set(names) - set(PEERS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}; known: {', '.join(PEERS)}.", param_hint="--peers")
    settings = [*(hyperparameter or [])]
    settings += [f"{name}={value}" for name, value in (("objective", objective), ("epochs", epochs)) if value]
    commands = {OURS: (WORKERS / "ntm_model.py", "--hyperparameters", " ".join(settings), "--threads", str(threads))}
    commands |= {name: (suite / PEERS[name][0], *PEERS[name][1:]) for name in names}

    runs: dict[tuple[str, int], dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    folders = data or corpora(suite)
    # Models alternate, so that changes in the machine's speed affect all of them.
    for seed, folder, topics, name in itertools.product(range(seeds), folders, k, commands):
        scores = {"name": name} | _score(suite, folder.resolve(), topics, seed, commands[name], threads, cv)
        runs[folder.name, topics][name].append(scores)
        figures = ", ".join(f"{heading} {scores[key]:{form}}" for key, heading, form in MEASURES if key in scores)
        console.print(f"{folder.name} K={topics} seed {seed} {name}: {figures}", soft_wrap=True)
        if save:
            with save.open("a") as file:
                file.write(json.dumps(scores) + "\n")
    _show_medians(runs)
    if names:
        _show_against_peers(runs, names)


def _score(
    suite: Path, folder: Path, topics: int, seed: int, command: Sequence[object], threads: int, cv: bool
) -> dict[str, Any]:
    script, *options = map(str, command)
    options += ["--data", str(folder), "--k", str(topics), "--seed", str(seed), *(() if cv else ("--no-cv",))]
    # The suite's scripts write result files; only their output is needed.
    with TemporaryDirectory() as results:
        return run(Path(script), *options, threads=threads, path=(suite, NTM), RESULTS=results)


def _show_medians(runs: Runs) -> None:
    rows = [
        (
            name,
            corpus,
            str(topics),
            str(len(scores)),
            *(spread((score.get(key) for score in scores), form) for key, _, form in MEASURES),
        )
        for (corpus, topics), models in runs.items()
        for name, scores in models.items()
    ]
    headings = [heading for _, heading, _ in MEASURES]
    show("Median over seeds (minimum…maximum)", ["model", "corpus", "K", "runs", *headings], rows)


def _show_against_peers(runs: Runs, peers: Sequence[str]) -> None:
    rows = [
        (peer, corpus, str(topics), *(_compared(models[OURS], models[peer], key) for key, _, _ in MEASURES))
        for (corpus, topics), models in runs.items()
        for peer in peers
    ]
    headings = [f"{heading} {'ratio' if key in RATIOS else 'difference'}" for key, heading, _ in MEASURES]
    show(f"{OURS} against each peer, seed by seed: median (minimum…maximum)", ["peer", "corpus", "K", *headings], rows)


def _compared(ours: Sequence[Run], theirs: Sequence[Run], key: str) -> str:
    pairs = [(mine[key], other[key]) for mine, other in zip(ours, theirs, strict=True) if key in mine and key in other]
    if key in RATIOS:
        return spread([mine / other for mine, other in pairs], ".2f")
    return spread([mine - other for mine, other in pairs], "+.3f")


if __name__ == "__main__":
    command(main)
