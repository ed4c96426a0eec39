"""A training job's directories as SageMaker lays them out, and the container's entry points as processes."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ntm.data.bag_of_words import BagOfWords
from tests.containers.ntm import planted, records

CONTAINER = Path(__file__).parents[3] / "containers" / "ntm"
# Environment of programs that run without PyTorch.
SERVING_IMAGE = {"PYTHONPATH": str(Path(__file__).with_name("without_torch"))}
RECORDIO = "application/x-recordio-protobuf"
TOKENIZER = {"version": 1, "normalization": "NFKC", "lowercase": True, "pattern": "[a-z]+[0-9]+"}
HYPERPARAMETERS = {
    "feature_dim": str(planted.FEATURE_DIM),
    "num_topics": str(planted.TOPICS),
    "batch_norm": "true",
    "encoder_layers": "50",
    "encoder_layers_activation": "relu",
    "epochs": "20",
    "learning_rate": "0.01",
    "mini_batch_size": "64",
    "optimizer": "adam",
    "_tuning_objective_metric": "validation:total_loss",
}
# Word 23 is the fourth of the second topic.
VOCABULARY = [f"{'abcdef'[word // planted.WORDS]}{word}" for word in range(planted.FEATURE_DIM)]


def dense(corpus: BagOfWords) -> np.ndarray:
    counts = np.zeros((len(corpus), corpus.feature_dim), np.float32)
    counts[corpus.documents, corpus.words] = corpus.counts
    return counts


def lay_out(base: Path, hyperparameters: dict[str, str] | None = None, documents: int = 400) -> None:
    """Write the contents of ``/opt/ml`` for a job with all four channels."""
    for number, (channel, size) in enumerate({"train": documents, "validation": 100, "test": 50}.items()):
        directory = base / "input" / "data" / channel
        directory.mkdir(parents=True)
        write_part(directory, planted.corpus(size, number)[0])
    auxiliary = base / "input" / "data" / "auxiliary"
    auxiliary.mkdir()
    (auxiliary / "vocab.txt").write_text("".join(f"{word}\n" for word in VOCABULARY))
    (auxiliary / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    settings = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    write_config(base, "hyperparameters", HYPERPARAMETERS if hyperparameters is None else hyperparameters)
    channels: dict[str, object] = {
        name: settings | {"ContentType": RECORDIO} for name in ("train", "validation", "test")
    }
    write_config(base, "inputdataconfig", channels | {"auxiliary": settings | {"ContentType": "text/plain"}})
    write_config(
        base, "resourceconfig", {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"}
    )


def lay_out_shards(bases: Mapping[str, Path], shards: Sequence[BagOfWords], hyperparameters: dict[str, str]) -> None:
    """Write the contents of ``/opt/ml`` on each host, with a train channel ShardedByS3Key."""
    for (host, base), shard in zip(bases.items(), shards, strict=True):
        lay_out(base, hyperparameters, documents=1)
        (base / "input" / "data" / "train" / "part-00000.pbr").unlink()
        if len(shard):
            write_part(base / "input" / "data" / "train", shard)
        channels = json.loads((base / "input" / "config" / "inputdataconfig.json").read_text())
        channels["train"]["S3DistributionType"] = "ShardedByS3Key"
        write_config(base, "inputdataconfig", channels)
        names = {"current_host": host, "hosts": list(bases), "network_interface_name": "lo"}
        write_config(base, "resourceconfig", names)


def write_part(directory: Path, documents: BagOfWords) -> None:
    (directory / "part-00000.pbr").write_bytes(records.sparse_file(dense(documents)))


def write_config(base: Path, name: str, content: object) -> None:
    path = base / "input" / "config" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def start(entry_point: str, base: Path, **environ: str) -> subprocess.Popen[str]:
    """Start ``train`` or ``serve`` as in its image, with ``base`` in place of ``/opt/ml``."""
    packages = {} if entry_point == "train" else SERVING_IMAGE
    return subprocess.Popen(
        [sys.executable, CONTAINER / entry_point],
        env={"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": str(base), "OMP_NUM_THREADS": "1"} | packages | environ,
        cwd=base,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
