"""Train on the preprocessing function's output and print the scores as a JSON object.

The only argument is a JSON object: ``folder`` with train/, validation/ and heldout/; ``hyperparameters`` of a training
job, without feature_dim; ``threads``; ``held_out`` to score the test documents as well; and ``lda`` to train the
evaluation's baseline, tomotopy's LDA, instead.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ntm.common.hyperparameters import Hyperparameters
from ntm.data.bag_of_words import BagOfWords
from ntm.data.corpus import Corpus
from ntm.data.recordio import stream_recordio
from ntm.evaluation.baseline import Lda
from ntm.evaluation.heldout import read_held_out
from ntm.evaluation.metrics import measure
from ntm.evaluation.models import OurModel
from ntm.training.trainer import Trainer

_BASELINE_ITERATIONS = 100


def main(
    folder: str, hyperparameters: dict[str, Any], threads: int, held_out: bool = False, lda: bool = False
) -> dict[str, float]:
    """Return ``seconds``, the training job's metrics and, with ``held_out``, the evaluation's metrics."""
    torch.set_num_threads(threads)
    root = Path(folder)
    feature_dim = len((root / "auxiliary" / "vocab.txt").read_text("utf-8").splitlines())
    train, validation = (Corpus(_bags(root / name, feature_dim), feature_dim) for name in ("train", "validation"))
    parsed = Hyperparameters.parse({**hyperparameters, "feature_dim": feature_dim})
    started = time.perf_counter()
    scores: dict[str, float] = {}
    if lda:
        model = Lda.train(train, parsed.num_topics, _BASELINE_ITERATIONS)
    else:
        trained = Trainer(train, parsed).run(validation)
        model = OurModel(trained.model, trained.topics.words)
        npmi, uniqueness = trained.topics.npmi.mean(), trained.topics.uniqueness.mean()
        scores = {
            "validation:total_loss": trained.validation.total,
            "validation:npmi": npmi,
            "validation:tu": uniqueness,
            "validation:npmi_tu": npmi * uniqueness,
        }
    scores["seconds"] = time.perf_counter() - started
    if held_out:
        documents = read_held_out(root / "heldout", feature_dim)
        scores |= measure(model, documents, train, None).overall
    return scores


def _bags(folder: Path, feature_dim: int) -> Iterator[BagOfWords]:
    for path in sorted(folder.iterdir()):
        with path.open("rb") as stream:
            yield from stream_recordio(stream, feature_dim)


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
