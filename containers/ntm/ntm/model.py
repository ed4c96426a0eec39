"""The network: a variational autoencoder of bags of words whose latent variable is a topic mixture.

The encoder maps a document to a Gaussian over h in R^K; the topic mixture is theta = softmax(h), logistic-normal; the
decoder gives word probabilities softmax(B theta + b). The prior of h is normal, each unit by itself, around 0.

Sources: Miao et al., Neural Variational Inference for Text Processing, arXiv 1511.06038 (the family that SageMaker's
NTM names); Srivastava and Sutton, Autoencoding Variational Inference for Topic Models, arXiv 1703.01488 (batch
normalisation without a learnt scale, which keeps the decoder from ignoring theta).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ntm.bag_of_words import BagOfWords
from ntm.hyperparameters import Hyperparameters
from ntm.inference import Array, Layer, TopicModel

# A document enters as its words' relative frequencies, so that its length says nothing, times this: an
# embedding of the usual initial size is then felt.
INPUT_SCALE = 10.0

# Wider than the unit that NVDM takes, so that a document may be mostly of one topic: about a Dirichlet distribution of
# concentration 1/3, by the approximation of Srivastava and Sutton.
_PRIOR_VARIANCE = 3.0
_DROPOUT = 0.2
_MOMENTUM = 0.1
_VARIANCE_FLOOR = 1e-3
_ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}


class Batch(NamedTuple):
    """Documents on the device, as in BagOfWords: offsets [D], words [N], counts [N], lengths [D], frequencies [N]."""

    offsets: Tensor
    words: Tensor
    counts: Tensor
    lengths: Tensor
    frequencies: Tensor

    @classmethod
    def of(cls, corpus: BagOfWords, device: torch.device) -> "Batch":
        """Copy documents, none of them empty, to the device."""
        with np.errstate(over="ignore"):
            lengths = corpus.lengths.astype(np.float32)
        arrays = (corpus.offsets[:-1], corpus.words, corpus.counts, lengths, corpus.frequencies)
        return cls(*(torch.from_numpy(array).to(device) for array in arrays))


class Losses(NamedTuple):
    """What the bound on a document's likelihood costs, in nats: each [D]."""

    reconstruction: Tensor
    divergence: Tensor


class Output(nn.Module):
    """One of the encoder's two outputs: a dense layer, its units normalised over the batch if ``batch_norm``.

    The normalisation has a learnt bias and no learnt scale. A batch of one is normalised as in evaluation.
    """

    batch_mean: Tensor
    batch_variance: Tensor

    def __init__(self, inputs: int, units: int, batch_norm: bool) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, units)
        self.batch_norm = batch_norm
        self.bias = nn.Parameter(torch.zeros(units), requires_grad=batch_norm)
        self.register_buffer("batch_mean", torch.zeros(units))
        self.register_buffer("batch_variance", torch.ones(units) - _VARIANCE_FLOOR)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the units [D, K] of a batch of hidden units."""
        units: Tensor = self.dense(hidden)
        if not self.batch_norm:
            return units
        mean, variance = self.batch_mean, self.batch_variance
        if self.training and len(units) > 1:
            mean, variance = units.mean(0), units.var(0, correction=0)
            with torch.no_grad():
                self.batch_mean.lerp_(mean, _MOMENTUM)
                self.batch_variance.lerp_(variance, _MOMENTUM)
        return (units - mean) / (variance + _VARIANCE_FLOOR).sqrt() + self.bias

    def export(self) -> Layer:
        """Return the one dense layer that does the same in evaluation."""
        deviation = (self.batch_variance + _VARIANCE_FLOOR).sqrt()
        weight = self.dense.weight / deviation[:, None]
        return Layer(_array(weight), _array((self.dense.bias - self.batch_mean) / deviation + self.bias))


class Decoder(nn.Module):
    """Word logits of topic mixtures, each word's logit normalised over the documents to variance 1.

    The logits are linear in theta, so their mean and variance over a batch follow from those of theta: normalising
    them is scaling the weights, K x K work a word instead of a pass over documents x words. The scaled weights are
    what a topic says of each word.
    """

    topic_mean: Tensor
    topic_covariance: Tensor

    def __init__(self, feature_dim: int, num_topics: int, unigram: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(feature_dim, num_topics)))
        self.bias = nn.Parameter(unigram.log())
        self.register_buffer("topic_mean", torch.full((num_topics,), 1 / num_topics))
        self.register_buffer("topic_covariance", torch.eye(num_topics) / num_topics)

    def normalised(self, theta: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return weights [V, K] and bias [V] such that the logits are ``theta @ weights.T + bias``.

        Args:
            theta: a batch of topic mixtures [D, K] to normalise over; without it, over those of the training so far.
        """
        if theta is None or len(theta) < 2:
            mean, covariance = self.topic_mean, self.topic_covariance
        else:
            mean = theta.mean(0)
            covariance = (theta - mean).T @ (theta - mean) / len(theta)
            with torch.no_grad():
                self.topic_mean.lerp_(mean, _MOMENTUM)
                self.topic_covariance.lerp_(covariance, _MOMENTUM)
        variance = ((self.weight @ covariance) * self.weight).sum(1)
        weights = self.weight / (variance + _VARIANCE_FLOOR).sqrt()[:, None]
        return weights, self.bias - weights @ mean


class NeuralTopicModel(nn.Module):
    """Encoder and decoder; see the module's text.

    ``batch_norm`` normalises the encoder's two outputs; the decoder is always normalised.
    """

    def __init__(self, hyperparameters: Hyperparameters, unigram: Tensor) -> None:
        """Make a network with random weights from torch's generator.

        Args:
            hyperparameters: its sizes.
            unigram: probability of each word in the corpus, all positive [V]: the decoder's first guess.
        """
        super().__init__()
        first, *others = hyperparameters.hidden_sizes
        num_topics = hyperparameters.num_topics
        self.activation = hyperparameters.encoder_layers_activation
        # A bag of embeddings is a dense layer over word counts, at the cost of the words that occur.
        self.embedding = nn.EmbeddingBag(hyperparameters.feature_dim, first, mode="sum")
        nn.init.uniform_(self.embedding.weight, -(hyperparameters.feature_dim**-0.5), hyperparameters.feature_dim**-0.5)
        self.embedding_bias = nn.Parameter(torch.zeros(first))
        self.hidden: Sequence[nn.Linear] = nn.ModuleList(
            nn.Linear(a, b) for a, b in zip([first, *others], others, strict=False)
        )  # type: ignore[assignment]
        self.dropout = nn.Dropout(_DROPOUT)
        last = hyperparameters.hidden_sizes[-1]
        self.mean = Output(last, num_topics, hyperparameters.batch_norm)
        self.log_variance = Output(last, num_topics, hyperparameters.batch_norm)
        self.decoder = Decoder(hyperparameters.feature_dim, num_topics, unigram)

    def encode(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of h, each [D, K]."""
        bag = self.embedding(batch.words, batch.offsets, per_sample_weights=INPUT_SCALE * batch.frequencies)
        activation = _ACTIVATIONS[self.activation]
        hidden = activation(bag + self.embedding_bias)
        for layer in self.hidden:
            hidden = activation(layer(hidden))
        hidden = self.dropout(hidden)
        return self.mean(hidden), self.log_variance(hidden)

    def forward(self, batch: Batch, noise: Tensor) -> Losses:
        """Return the two terms of the negative evidence lower bound of each document.

        Args:
            batch: the documents.
            noise: standard normal [D, K], by which h is drawn from the encoder's Gaussian.
        """
        mean, log_variance = self.encode(batch)
        theta = functional.softmax(mean + noise * (0.5 * log_variance).exp(), dim=1)
        weights, bias = self.decoder.normalised(theta if self.training else None)
        log_normaliser = torch.logsumexp(torch.addmm(bias, theta, weights.T), dim=1)
        # The logits of the words that occur, summed: a bag of the decoder's rows, so that no documents x words matrix
        # is gathered from.
        rows = torch.cat([weights, bias[:, None]], dim=1)
        bag = functional.embedding_bag(batch.words, rows, batch.offsets, mode="sum", per_sample_weights=batch.counts)
        reconstruction = batch.lengths * log_normaliser - (theta * bag[:, :-1]).sum(1) - bag[:, -1]
        spread = (log_variance.exp() + mean.square()) / _PRIOR_VARIANCE
        divergence = 0.5 * (spread - log_variance + math.log(_PRIOR_VARIANCE) - 1).sum(1)
        return Losses(reconstruction, divergence)

    def export(self) -> TopicModel:
        """Return the network as serving needs it: no normalisation, no log variance, on the CPU in numpy."""
        first = Layer(_array(self.embedding.weight * INPUT_SCALE), _array(self.embedding_bias))
        others = [Layer(_array(layer.weight), _array(layer.bias)) for layer in self.hidden]
        weights, bias = self.decoder.normalised()
        return TopicModel(self.activation, (first, *others), self.mean.export(), Layer(_array(weights), _array(bias)))


def _array(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().cpu(), np.float32)
