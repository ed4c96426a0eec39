"""Topic models under evaluation: of this container, of the built-in NTM, or scored by batch transform."""

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ntm.artifacts.artifacts import TOPICS, read_model
from ntm.common.errors import InputError
from ntm.evaluation.heldout import Half, HeldOut, read_lines
from ntm.evaluation.mxnet_params import read_params
from ntm.network.inference import Array, Layer, TopicModel, softmax

_PARAMS: Final = "params"
_WEIGHT, _BIAS = "arg:projection_weight", "arg:projection_bias"


class TopicWords(Protocol):
    """Word distributions of K topics over V words."""

    def words(self, count: int) -> NDArray[np.int64]:
        """Return the best words of each topic, best first, int64 [K, count]; all words if there are fewer."""

    def word_probabilities(self) -> Array:
        """Return the word probabilities of each topic, float32 [K, V]."""

    def log_word_probabilities(self, mixtures: Array) -> Array:
        """Return the log probabilities of words in documents with these mixtures, float32 [D, V]."""


class EvaluatedModel(TopicWords, Protocol):
    """Topic model that infers the mixtures of documents."""

    def mixtures(self, documents: HeldOut, half: Half) -> Array:
        """Return the documents' topic mixtures, float32 [D, K]; each row sums to 1."""


def by_probability(probabilities: Array, count: int) -> NDArray[np.int64]:
    """Return the most probable words of each topic, the most probable first, int64 [K, count or V]."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    return np.asarray(order[:, :count])


@dataclass(frozen=True)
class OurModel:
    """Model trained by this container.

    Attributes:
        network: The trained model.
        listed: Word ids of each topic in ``topics.json``, best first, int64 [K, n].
    """

    network: TopicModel
    listed: NDArray[np.int64]

    @classmethod
    def read(cls, directory: Path, vocabulary: Sequence[str]) -> "OurModel":
        """Read the model directory of a training job.

        Raises:
            InputError: A file is missing, damaged, or does not match the vocabulary.
        """
        network, _ = read_model(directory)
        if network.feature_dim != len(vocabulary):
            raise InputError(
                f"The model has {network.feature_dim} words, but vocab.txt has {len(vocabulary)}: they come from "
                "different runs."
            )
        ids = {word: number for number, word in enumerate(vocabulary)}
        try:
            topics = json.loads((directory / TOPICS).read_text("utf-8"))["topics"]
            listed = np.array([[ids[word] for word, _ in topic["words"]] for topic in topics], np.int64)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{TOPICS} in the model archive is invalid: {error!r}.") from None
        return cls(network, listed)

    def words(self, count: int) -> NDArray[np.int64]:
        """Return the listed words, followed by the most probable other words."""
        probabilities = self.word_probabilities()
        np.put_along_axis(probabilities, self.listed, np.float32(-1), axis=1)
        others = by_probability(probabilities, probabilities.shape[1] - self.listed.shape[1])
        return np.concatenate([self.listed, others], axis=1)[:, :count]

    def word_probabilities(self) -> Array:
        """Return the word probabilities of the decoder."""
        return self.network.word_probabilities().T.copy()

    def mixtures(self, documents: HeldOut, half: Half) -> Array:
        """Return the mixtures inferred by the encoder."""
        return self.network.topic_weights(documents.bags(half))

    def log_word_probabilities(self, mixtures: Array) -> Array:
        """Return the log probabilities of the decoder."""
        return _log_probabilities(self.network.decoder, mixtures)


@dataclass(frozen=True)
class BuiltInTopics:
    """Decoder of SageMaker's built-in NTM, the only documented part of its network.

    Source: https://github.com/aws/amazon-sagemaker-examples, the notebook on NTM and 20 Newsgroups.

    Attributes:
        decoder: Weight [V, K], one column per topic, and bias [V].
    """

    decoder: Layer

    @classmethod
    def read(cls, archive: Path, feature_dim: int) -> "BuiltInTopics":
        """Read the zip file in the model's archive.

        Raises:
            InputError: It is not a zip file, or its parameters do not match the vocabulary's size.
        """
        try:
            with zipfile.ZipFile(archive) as content:
                params = read_params(content.read(_PARAMS))
        except (OSError, KeyError, zlib.error, zipfile.BadZipFile) as error:
            raise InputError(f"{archive.name} in the model archive is not a built-in NTM: {error}.") from None
        weight = params.get(_WEIGHT)
        if weight is None or weight.ndim != 2 or len(weight) != feature_dim:
            found = ", ".join(f"{name} {list(array.shape)}" for name, array in sorted(params.items()))
            raise InputError(f"The model has no {_WEIGHT} with {feature_dim} rows, one per word; it has {found}.")
        bias = params.get(_BIAS, np.zeros(feature_dim, np.float32))
        if bias.shape != (feature_dim,):
            raise InputError(f"The model's {_BIAS} has shape {list(bias.shape)}; expected [{feature_dim}].")
        return cls(Layer(weight.astype(np.float32), bias.astype(np.float32)))

    def words(self, count: int) -> NDArray[np.int64]:
        """Return the words with the highest decoder weights, as in AWS's notebook."""
        return by_probability(self.decoder.weight.T, count)

    def word_probabilities(self) -> Array:
        """Return the word probabilities of the decoder."""
        return np.asarray(softmax(self.decoder.weight.T + self.decoder.bias, axis=1))

    def log_word_probabilities(self, mixtures: Array) -> Array:
        """Return the log probabilities of the decoder."""
        return _log_probabilities(self.decoder, mixtures)


@dataclass(frozen=True)
class ScoredModel:
    """Model whose mixtures were inferred by batch transform.

    Attributes:
        topics: Word distributions of the model.
        scores: Mixtures of the held-out documents, float32 [D, K], for whole documents and observed halves.
    """

    topics: TopicWords
    scores: Mapping[Half, Array]

    @classmethod
    def read(cls, topics: TopicWords, directory: Path, documents: HeldOut) -> "ScoredModel":
        """Read the output of batch transform, joined to the ids ``<row>/all`` and ``<row>/observed``.

        Raises:
            InputError: A line is malformed, or a document has no prediction.
        """
        num_topics = len(topics.words(1))
        found: dict[str, list[float]] = {}
        for path, number, line in read_lines(directory):
            match line:
                case {"id": str(uid), "SageMakerOutput": {"topic_weights": list(weights)}} if len(
                    weights
                ) == num_topics and all(type(weight) in (int, float) for weight in weights):
                    found[uid] = weights
                case _:
                    raise InputError(
                        f"{path.name}, line {number}, is not a mixture of {num_topics} topics; expected an object with "
                        "id and SageMakerOutput."
                    )
        # A document of one word has no word left to predict; its observed half was not sent.
        prior = [1 / num_topics] * num_topics
        asked: dict[Half, NDArray[np.bool_]] = {"all": documents.lengths >= 0, "observed": documents.lengths > 1}
        scores: dict[Half, Array] = {}
        for half, needed in asked.items():
            rows = [found.get(f"{row}/{half}") for row in range(len(documents))]
            missing = [row for row, weights in enumerate(rows) if weights is None and needed[row]]
            if missing:
                raise InputError(
                    f"{len(missing)} of {len(documents)} documents have no prediction, for example "
                    f"{missing[0]}/{half}: the Score and Evaluate steps used different documents."
                )
            scores[half] = np.array([weights or prior for weights in rows], np.float32)
        return cls(topics, scores)

    def words(self, count: int) -> NDArray[np.int64]:
        """Return the best words of the topics."""
        return self.topics.words(count)

    def word_probabilities(self) -> Array:
        """Return the word probabilities of the topics."""
        return self.topics.word_probabilities()

    def log_word_probabilities(self, mixtures: Array) -> Array:
        """Return the log probabilities of the topics."""
        return self.topics.log_word_probabilities(mixtures)

    def mixtures(self, documents: HeldOut, half: Half) -> Array:  # noqa: ARG002
        """Return the mixtures from batch transform."""
        return self.scores[half]


def _log_probabilities(decoder: Layer, mixtures: Array) -> Array:
    logits = mixtures @ decoder.weight.T + decoder.bias
    return np.log(np.maximum(softmax(logits, axis=1), np.float32(1e-37)))
