"""Train a model and print the measurements as a JSON object; the only argument is a ``Training`` as JSON."""

import json
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import synthetic
import torch
from torch import distributed

from ntm.common.hyperparameters import Hyperparameters
from ntm.common.objectives import OBJECTIVES
from ntm.data.bag_of_words import BagOfWords
from ntm.data.corpus import Corpus
from ntm.training.hosts import Hosts
from ntm.training.trainer import Progress, Trainer


@dataclass(frozen=True, kw_only=True)
class Training:
    """Configuration of a training run.

    Attributes:
        data: Folder of train.npz and test.npz, both used for training; None for a synthetic corpus.
        documents: Number of synthetic documents, on all hosts together.
        vocabulary: Size of the synthetic vocabulary.
        memory_bytes: Memory limit of the corpus; None for its default.
        validation: Number of synthetic validation documents, on all hosts together.
        objective: Overrides of the objective's settings.
        hyperparameters: Hyperparameters of a training job, without feature_dim.
        threads: Number of torch's threads.
        hosts: Number of hosts.
        rank: Rank of this host, from 0.
        interface: Network interface between the hosts.
    """

    data: str | None = None
    documents: int = 0
    vocabulary: int = 0
    memory_bytes: int | None = None
    validation: int = 0
    objective: Mapping[str, Any] = field(default_factory=dict)
    hyperparameters: Mapping[str, Any]
    threads: int
    hosts: int = 1
    rank: int = 0
    interface: str = "lo"

    def parts(self) -> Iterator[BagOfWords]:
        """Yield this host's documents."""
        if self.data is None:
            return self.share_of(synthetic.word_counts(self.documents, self.vocabulary))
        return self.share_of(scipy.sparse.load_npz(Path(self.data) / f"{name}.npz") for name in ("train", "test"))

    def share_of(self, parts: Iterable[scipy.sparse.csr_matrix]) -> Iterator[BagOfWords]:
        """Yield this host's share of documents."""
        return (bag_of(part.tocsr()[self.rank :: self.hosts]) for part in parts)


def bag_of(counts: scipy.sparse.csr_matrix) -> BagOfWords:
    """Convert counts [D, V] to the package's format."""
    counts.sort_indices()
    return BagOfWords(
        counts.indptr.astype(np.int64),
        counts.indices.astype(np.int32),
        counts.data.astype(np.float32),
        counts.shape[1],
    )


def peak_mb() -> float:
    """Return the peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(training: Training) -> dict[str, Any]:
    """Train and return the measurements: seconds, MB, documents of this host, losses in nats per word.

    ``corpus_s`` is the time to read the corpus, ``start_s`` the time before the first epoch, and ``topics_s`` the time
    after the last one. ``docs_per_s`` covers only the epochs, ``docs_per_s_with_start`` everything but ``topics_s``.
    """
    torch.set_num_threads(training.threads)
    names = [f"algo-{number + 1}" for number in range(training.hosts)]
    hosts = Hosts(names, names[training.rank])
    hosts.connect(training.interface)
    before_mb, began = peak_mb(), time.perf_counter()

    parts = training.parts()
    first = next(parts)
    corpus = Corpus(_chained(first, parts), first.feature_dim, training.memory_bytes)
    loaded, loaded_mb = time.perf_counter(), peak_mb()
    name = training.hyperparameters.get("objective", "topics")
    OBJECTIVES[name] = replace(OBJECTIVES[name], **training.objective)
    hyperparameters = Hyperparameters.parse({**training.hyperparameters, "feature_dim": corpus.feature_dim})
    validation = None
    if training.validation:
        held_out = synthetic.word_counts(training.validation, corpus.feature_dim, seed=1)
        validation = Corpus(training.share_of(held_out), corpus.feature_dim)

    ends: list[float] = []
    losses: list[float] = []

    def observe(progress: Progress) -> None:
        if progress.documents == progress.epoch_documents:
            ends.append(time.perf_counter())
            losses.append(progress.loss)

    prepared = time.perf_counter()
    trainer = Trainer(corpus, hyperparameters, hosts=hosts, observe=observe)
    started = time.perf_counter()
    trained = trainer.run(validation)
    ended = time.perf_counter()
    if training.hosts > 1:
        distributed.destroy_process_group()
    return {
        "documents": len(corpus),
        "entries": int(corpus.document_frequencies.sum()),
        "in_memory": corpus.in_memory,
        "epochs": len(ends),
        "corpus_s": loaded - began,
        "start_s": started - prepared,
        "epoch_s": (ends[-1] - started) / len(ends),
        "topics_s": ended - ends[-1],
        "docs_per_s": len(corpus) * len(ends) / (ends[-1] - started),
        "docs_per_s_with_start": len(corpus) * len(ends) / (ends[-1] - began),
        "before_mb": before_mb,
        "corpus_mb": loaded_mb,
        "peak_mb": peak_mb(),
        "loss": losses[-1],
        "validation": None if trained.validation is None else trained.validation.total,
    }


def _chained(first: BagOfWords, others: Iterator[BagOfWords]) -> Iterator[BagOfWords]:
    yield first
    yield from others


if __name__ == "__main__":
    print(json.dumps(main(Training(**json.loads(sys.argv[1])))))
