"""Predictive value of short trials: correlation of their ranking with that of long training."""

# Typer copies list defaults and never mutates them.
# ruff: noqa: B006

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from _bags import Corpora, Values, preprocessed, start_training
from _common import command, result, show
from scipy.stats import spearmanr

OBJECTIVES = ("validation:total_loss", "validation:npmi_tu")
SCORES = (("npmi", "NPMI"), ("npmi_train", "NPMI in training documents"), ("c_v", "C_V"), ("perplexity", "perplexity"))
FINAL = (40, 1.0)

Scores = Mapping[str, float]


def main(
    corpus: Corpora = None,
    short: Annotated[
        list[str], typer.Option(help="Epochs and share of the documents of a short trial; may be repeated.")
    ] = ["15,0.5", "20,1"],
    values: Annotated[int, typer.Option(help="Number of random draws of hyperparameters.", min=3)] = 20,
    k: Annotated[int, typer.Option(help="Number of topics.", min=2)] = 20,
) -> None:
    """Train with the same values briefly and for 40 epochs, and correlate the ranks.

    Values are drawn at random: learning rates from 0.001 to 0.05, batches of 64 to 512, all three activations, Adam.
    Prints Spearman's rank correlation between each tuning objective, in the short trials and in the long training,
    and the pipeline's evaluation of the long training.

      trials.py --values 10 --short 10,1
    """
    lengths = [*((int(epochs), float(share)) for epochs, share in (text.split(",") for text in short)), FINAL]
    draws = [_draw(random.Random(number), k, number) for number in range(values)]
    rows = []
    with preprocessed(corpus) as folders, ThreadPoolExecutor(2) as pool:
        for name, folder in folders.items():
            runs = {length: list(pool.map(partial(_train, folder, length), draws)) for length in lengths}
            finals = runs[FINAL]
            rows += [
                (name, str(epochs), f"{share:g}", objective, *_correlations(runs[epochs, share], finals, objective))
                for epochs, share in lengths
                for objective in OBJECTIVES
            ]
    columns = ["corpus", "epochs", "share", "metric of the trial", *(heading for _, heading in SCORES)]
    show(f"Rank correlation with scores after {FINAL[0]} epochs, {values} draws", columns, rows)


def _draw(random: random.Random, k: int, seed: int) -> Values:
    return {
        "num_topics": str(k),
        "seed": str(seed),
        "optimizer": "adam",
        "learning_rate": f"{10 ** random.uniform(-3, -1.3):.5f}",
        "mini_batch_size": random.choice(["64", "128", "256", "512"]),
        "encoder_layers_activation": random.choice(["relu", "tanh", "sigmoid"]),
    }


def _train(folder: Path, length: tuple[int, float], draw: Values) -> Scores:
    epochs, share = length
    given = {**draw, "epochs": str(epochs), "sub_sample": str(share)}
    scores: dict[str, Any] = result(start_training(folder, given, held_out=length == FINAL))
    return scores


def _correlations(trials: Sequence[Scores], finals: Sequence[Scores], objective: str) -> list[str]:
    reached = [trial[objective] for trial in trials]
    return [f"{spearmanr(reached, [final[key] for final in finals]).statistic:+.2f}" for key, _ in SCORES]


if __name__ == "__main__":
    command(main)
