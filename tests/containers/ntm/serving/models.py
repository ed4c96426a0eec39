"""A model to serve, in the directory format of a training job."""

import json
from pathlib import Path

import numpy as np

from ntm.artifacts.artifacts import Auxiliary, write_model
from ntm.common.hyperparameters import Hyperparameters
from ntm.network.inference import Layer, TopicModel
from ntm.topics.topics import Topics
from tests.containers.ntm import jobs, planted

TOPICS = Topics(
    share=np.full(planted.TOPICS, 1 / planted.TOPICS, np.float32),
    words=np.tile(np.arange(12), (planted.TOPICS, 1)),
    weights=np.zeros((planted.TOPICS, 12), np.float32),
    npmi=np.zeros(planted.TOPICS),
    uniqueness=np.ones(planted.TOPICS),
)
AUXILIARY = Auxiliary("".join(f"{word}\n" for word in jobs.VOCABULARY).encode(), json.dumps(jobs.TOKENIZER).encode())


def random_model() -> TopicModel:
    random = np.random.default_rng(0)

    def layer(*shape: int, bias: int) -> Layer:
        return Layer(random.normal(size=shape).astype(np.float32), random.normal(size=bias).astype(np.float32))

    size, topics = planted.FEATURE_DIM, planted.TOPICS
    hidden = (layer(size, 10, bias=10), layer(8, 10, bias=8))
    return TopicModel("relu", hidden, layer(topics, 8, bias=topics), layer(size, topics, bias=size))


def write(base: Path, model: TopicModel, auxiliary: Auxiliary = AUXILIARY) -> Path:
    """Write a model to ``base/model`` and return ``base``."""
    write_model(base / "model", model, TOPICS, auxiliary, Hyperparameters.parse(jobs.HYPERPARAMETERS), {})
    return base
