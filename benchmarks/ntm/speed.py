"""Training throughput of the suite's plain dense loop and of ntm, with the same sizes and loss."""

# Typer copies list defaults and never mutates them.
# ruff: noqa: B006

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import synthetic
import typer
from _common import Repeats, Suite, command, console, corpora, run, show, spread, train

TOPICS = 20
BATCH = 128

# Settings that make ntm the same model: sizes, prior (Laplace approximation of Dirichlet(1)), optimizer, and a loss of
# the evidence lower bound alone.
OURS: dict[str, dict[str, Any]] = {
    "prodlda": {
        "objective": {
            "prior_variance": 1 - 1 / TOPICS,
            "word_dropout": 0.0,
            "divergence": 1.0,
            "information": 0.0,
            "embedded": False,
            "surplus": 1.0,
            "build_up": 0.0,
            "annealed": False,
        },
        "hyperparameters": {"encoder_layers": "200,200", "optimizer": "adam", "learning_rate": "0.002"},
    },
    "sagemaker": {"hyperparameters": {"objective": "elbo", "optimizer": "adadelta"}},
}


def main(
    suite: Suite,
    data: Annotated[
        Path | None, typer.Option(help="Folder of a corpus. Default: the suite's first.", exists=True)
    ] = None,
    vocabulary: Annotated[
        list[int], typer.Option(help="Vocabulary of an additional synthetic corpus; may be repeated; 0: none.", min=0)
    ] = [20_000],
    documents: Annotated[
        int, typer.Option(help="Documents of the synthetic corpus, of 50 words each.", min=1000)
    ] = 18_000,
    variant: Annotated[list[str], typer.Option(help="prodlda or sagemaker; may be repeated.")] = list(OURS),
    mode: Annotated[str, typer.Option(help="Input of speed_vae.py: dense, sparse or loader.")] = "dense",
    threads: Annotated[list[int], typer.Option(help="May be repeated.", min=1)] = [1, 2],
    epochs: Annotated[int, typer.Option(help="Epochs per run.", min=1)] = 10,
    repeats: Repeats = 3,
) -> None:
    """Measure training of the suite's speed_vae.py (plain PyTorch, dense tensors) and of ntm, alternating.

    Both have 20 topics and batches of 128 documents. prodlda: two hidden layers of 200, the batch normalised, Adam;
    sagemaker: the built-in's 60 and 40 sigmoid units and Adadelta. Time counts from the sparse matrix to the end of the
    last epoch. The ratio compares ntm with the plain loop, run by run; higher is faster, and for memory lower is
    better.

      speed.py --suite DIR --threads 2 --vocabulary 0
    """
    if unknown := set(variant) - set(OURS):
        raise typer.BadParameter(f"{', '.join(unknown)}; known: {', '.join(OURS)}.", param_hint="--variant")
    rows = []
    with TemporaryDirectory() as temporary:
        folders = [(data or corpora(suite)[0]).resolve()]
        for size in filter(None, vocabulary):
            folders.append(Path(temporary) / f"zipf_v{size}")
            synthetic.write_corpus(folders[-1], documents, size)
        for folder in folders:
            for kind in variant:
                for count in threads:
                    rows.append(_compare(suite, folder, kind, mode, count, epochs, repeats))
                    console.print(" · ".join(rows[-1]), soft_wrap=True)
    columns = ["corpus", "loss", "threads", "plain docs/s", "ours docs/s", "ratio", "plain MB", "ours MB", "ratio"]
    show("Median (minimum…maximum)", columns, rows)


def _compare(
    suite: Path, folder: Path, variant: str, mode: str, threads: int, epochs: int, repeats: int
) -> tuple[str, ...]:
    options = {"data": folder, "variant": variant, "mode": mode, "k": TOPICS, "batch": BATCH}
    options |= {"epochs": epochs, "threads": threads}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    ours = OURS[variant]
    hyperparameters = {**ours["hyperparameters"], "num_topics": TOPICS, "mini_batch_size": BATCH, "epochs": epochs}
    plain, own = [], []
    for _ in range(repeats):
        plain.append(run(suite / "speed_vae.py", *arguments, threads=threads, path=[suite]))
        own.append(train(threads, data=folder, **ours | {"hyperparameters": hyperparameters}))
    figures = []
    for of_plain, of_ours in (("docs_per_s", "docs_per_s_with_start"), ("peak_mb", "peak_mb")):
        pairs = [(first[of_plain], second[of_ours]) for first, second in zip(plain, own, strict=True)]
        figures += [spread(values, ",.0f") for values in zip(*pairs, strict=True)]
        figures.append(spread([second / first for first, second in pairs], ".2f"))
    return (folder.name, variant, str(threads), *figures)


if __name__ == "__main__":
    command(main)
