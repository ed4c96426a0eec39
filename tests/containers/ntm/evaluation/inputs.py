"""A model of the planted topics, and an evaluation's directories as SageMaker lays them out."""

import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jsonschema import Draft202012Validator

from ntm.artifacts.artifacts import Auxiliary, write_model
from ntm.common.hyperparameters import Hyperparameters
from ntm.data.bag_of_words import BagOfWords
from ntm.data.corpus import Corpus
from ntm.evaluation.heldout import HeldOut
from ntm.network.inference import Layer, TopicModel
from ntm.topics.coherence import npmi, uniqueness
from ntm.topics.topics import Topics
from tests.containers.ntm import jobs, planted

SCHEMA = json.loads((Path(__file__).parents[4] / "docs" / "evaluation.schema.json").read_text())
WORDS = planted.TOPICS * planted.WORDS
ARGUMENTS = ["--environment", "dev", "--algorithm", "container", "--baseline-iterations", "30", "--map-documents", "60"]
ENVIRON = {
    "EXECUTION_ARN": "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/topicsmith-dev/execution/abc123",
    "NUM_TOPICS": str(planted.TOPICS),
    "TRAINING_JOB": "pipelines-abc123-Train-xyz",
}
META = {
    "settings": {"corpus_uri": "s3://data/raw/planted.csv"},
    "corpus_version": "c0ffee",
    "feature_dim": planted.FEATURE_DIM,
}


def network() -> TopicModel:
    """Return a model of the planted topics, which counts the words of each topic."""
    size, topics = planted.FEATURE_DIM, planted.TOPICS
    own = np.zeros((size, topics), np.float32)
    own[np.arange(WORDS), np.arange(WORDS) // planted.WORDS] = 1
    identity, zeros = np.eye(topics, dtype=np.float32), np.zeros(topics, np.float32)
    decoder = Layer(6 * own, np.where(np.arange(size) < WORDS, 0, 3).astype(np.float32))
    return TopicModel("relu", (Layer(8 * own, zeros),), Layer(identity, zeros), decoder)


def held_out(documents: int = 120, seed: int = 1, text: str = "") -> HeldOut:
    """Return planted documents with their words in random order."""
    bag, _ = planted.corpus(documents, seed)
    random = np.random.default_rng(seed)

    def words(number: int) -> np.ndarray:
        entries = slice(bag.offsets[number], bag.offsets[number + 1])
        return random.permutation(np.repeat(bag.words[entries], bag.counts[entries].astype(int)))

    rows = [words(number) for number in range(documents)]
    texts = [f"{text}{' '.join(jobs.VOCABULARY[word] for word in row)}" for row in rows]
    return HeldOut.of(
        [(f"doc {number}", texts[number], rows[number].tolist()) for number in range(documents)],
        bag.feature_dim,
    )


def lay_out(base: Path, documents: HeldOut, vocabulary: Sequence[str] = jobs.VOCABULARY) -> None:
    """Write the contents of ``/opt/ml/processing/input``."""
    inputs = base / "processing" / "input"
    train = planted.corpus(400, 0)[0]
    for name in ("model", "train", "heldout", "auxiliary", "meta"):
        (inputs / name).mkdir(parents=True)
    jobs.write_part(inputs / "train", train)
    lines = [
        {"id": documents.ids[number], "text": documents.texts[number], "words": documents.words[start:stop].tolist()}
        for number, (start, stop) in enumerate(zip(documents.offsets[:-1], documents.offsets[1:], strict=True))
    ]
    (inputs / "heldout" / "part-00000.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (inputs / "auxiliary" / "vocab.txt").write_text("".join(f"{word}\n" for word in vocabulary))
    (inputs / "meta" / "meta.json").write_text(json.dumps(META))
    auxiliary = Auxiliary.read(inputs / "auxiliary")
    model = base / "unpacked"
    write_model(
        model, network(), topics_of(network(), train), auxiliary, Hyperparameters.parse(jobs.HYPERPARAMETERS), {}
    )
    with tarfile.open(inputs / "model" / "model.tar.gz", "w:gz") as archive:
        for path in sorted(model.iterdir()):
            archive.add(path, path.name)


def topics_of(model: TopicModel, train: BagOfWords) -> Topics:
    probabilities = model.word_probabilities().T
    words = np.argsort(-probabilities, axis=1, kind="stable")[:, :20]
    return Topics(
        model.topic_weights(train).mean(axis=0),
        words,
        np.take_along_axis(probabilities, words, axis=1),
        npmi(words, Corpus.of(train)),
        uniqueness(words),
    )


def evaluation(base: Path) -> dict[str, Any]:
    """Return the job's ``evaluation.json``, validated by the schema."""
    content: Mapping[str, Any] = json.loads((base / "processing" / "output" / "evaluation.json").read_text())
    Draft202012Validator(SCHEMA).validate(content)
    return dict(content)
