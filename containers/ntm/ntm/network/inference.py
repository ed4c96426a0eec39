"""Trained model and its encoder in numpy, without torch.

The network of ``ntm.network.model`` in evaluation: batch normalisation folded into the layers, the topic mixture at
the mean of the encoder's Gaussian.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ntm.data.bag_of_words import BagOfWords

Array = NDArray[np.float32]

_DOCUMENTS_AT_A_TIME = 256


def _sigmoid(units: Array) -> Array:
    return np.asarray(np.tanh(units / 2) / 2 + 0.5, np.float32)


def _tanh(units: Array) -> Array:
    return np.tanh(units)


def _relu(units: Array) -> Array:
    return np.maximum(units, 0)


_ACTIVATIONS = {"sigmoid": _sigmoid, "tanh": _tanh, "relu": _relu}


def softmax(logits: Array, axis: int) -> Array:
    """Return the exponentials along an axis, normalised to sum to 1."""
    exponentials = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=axis, keepdims=True))


@dataclass(frozen=True)
class Layer:
    """Dense layer: weight [out, in], bias [out]. In the first layer, the weight is [V, out], one row per word."""

    weight: Array
    bias: Array


@dataclass(frozen=True)
class TopicModel:
    """Trained model of K topics over V words.

    Attributes:
        activation: Activation of the hidden layers: sigmoid, tanh or relu.
        hidden: Hidden layers of the encoder; the first takes relative word frequencies.
        mean: Output layer of the encoder: the mean of the latent Gaussian, K units.
        decoder: Word logits of a topic mixture: weight [V, K], bias [V].
    """

    activation: str
    hidden: tuple[Layer, ...]
    mean: Layer
    decoder: Layer

    @property
    def feature_dim(self) -> int:
        """The number of words in the vocabulary."""
        return len(self.decoder.bias)

    @property
    def num_topics(self) -> int:
        """The number of topics."""
        return len(self.mean.bias)

    def topic_weights(self, corpus: BagOfWords) -> Array:
        """Return the topic mixture of each document, float32 [D, K]; each row sums to 1.

        A document without a word is no evidence: it gets the mean of the prior, the same weight for every topic.
        """
        theta = np.full((len(corpus), self.num_topics), 1 / self.num_topics, np.float32)
        filled = np.flatnonzero(np.diff(corpus.offsets))
        for part in chunks(len(filled)):
            theta[filled[part]] = softmax(self._encode(corpus.rows(filled[part])), axis=1)
        return theta

    def _encode(self, corpus: BagOfWords) -> Array:
        activation = _ACTIVATIONS[self.activation]
        first, *others = self.hidden
        bag = np.add.reduceat(first.weight[corpus.words] * corpus.frequencies[:, None], corpus.offsets[:-1], axis=0)
        units = activation(bag + first.bias)
        for layer in others:
            units = activation(units @ layer.weight.T + layer.bias)
        return np.asarray(units @ self.mean.weight.T + self.mean.bias)

    def word_probabilities(self) -> Array:
        """Return the decoder's word probabilities for each topic alone, float32 [V, K]; each column sums to 1."""
        return softmax(self.decoder.weight + self.decoder.bias[:, None], axis=0)

    def reordered(self, order: NDArray[np.int64]) -> "TopicModel":
        """Return the same model with its topics in another order."""
        return TopicModel(
            self.activation,
            self.hidden,
            Layer(self.mean.weight[order], self.mean.bias[order]),
            Layer(self.decoder.weight[:, order], self.decoder.bias),
        )


def chunks(size: int) -> Iterator[slice]:
    """Yield slices that cover ``range(size)``, so few documents at a time that their intermediate arrays stay small."""
    for start in range(0, size, _DOCUMENTS_AT_A_TIME):
        yield slice(start, start + _DOCUMENTS_AT_A_TIME)
