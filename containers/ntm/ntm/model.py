"""The network: a variational autoencoder of bags of words whose latent variable is a topic mixture.

The encoder maps a document to a Gaussian over h in R^K; the topic mixture is theta = softmax(h), logistic-normal; the
decoder gives word probabilities softmax(B theta + b). The prior of h is normal, each unit by itself, around 0.

Sources: Miao et al., Neural Variational Inference for Text Processing, arXiv 1511.06038 (the family that SageMaker's
NTM names); Srivastava and Sutton, Autoencoding Variational Inference for Topic Models, arXiv 1703.01488 (batch
normalisation without a learnt scale, which keeps the decoder from ignoring theta).
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from ntm.batch import Batch
from ntm.functions import bag_of_embeddings, normalised, reconstruction
from ntm.hyperparameters import Hyperparameters
from ntm.inference import Array, Layer, TopicModel

# A document enters as its words' relative frequencies, so that its length says nothing, times this: an
# embedding of the usual initial size is then felt.
INPUT_SCALE = 10.0

# Of the embeddings that the encoder may start from.
_EMBEDDING_SCALE = 0.04

_MOMENTUM = 0.1
_VARIANCE_FLOOR = 1e-3
_ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}

# Along which axes of the network's tensors topics are counted: what is cut when topics are dropped.
_OUTPUT_AXES = {"dense.weight": (0,), "dense.bias": (0,), "norm.bias": (0,), "norm.mean": (0,), "norm.variance": (0,)}
TOPIC_AXES: Mapping[str, tuple[int, ...]] = {
    **{f"{output}.{name}": axes for output in ("mean", "log_variance") for name, axes in _OUTPUT_AXES.items()},
    "decoder.weight": (1,),
    "decoder.topic_mean": (0,),
    "decoder.topic_covariance": (0, 1),
}


class Losses(NamedTuple):
    """What a batch costs, in nats.

    Attributes:
        bound: the negative evidence lower bound, summed over documents, the divergence weighted: it has a gradient.
        reconstruction: of each document [D], without gradient.
        divergence: of each document [D], without gradient.
        theta: the documents' topic mixtures [D, K].
    """

    bound: Tensor
    reconstruction: Tensor
    divergence: Tensor
    theta: Tensor


class Normalisation(nn.Module):
    """Batch normalisation with a learnt bias and no learnt scale; a batch of one is normalised as in evaluation."""

    mean: Tensor
    variance: Tensor

    def __init__(self, units: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(units))
        self.register_buffer("mean", torch.zeros(units))
        self.register_buffer("variance", torch.ones(units))

    def forward(self, units: Tensor) -> Tensor:
        """Normalise units [D, H] over the documents."""
        of_batch = self.training and len(units) > 1
        return functional.batch_norm(
            units, self.mean, self.variance, None, self.bias, of_batch, _MOMENTUM, _VARIANCE_FLOOR
        )

    def fold(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return weight [H, inputs] and bias [H] of the dense layer that does its own and, in evaluation, this."""
        deviation = (self.variance + _VARIANCE_FLOOR).sqrt()
        return weight / deviation[:, None], (bias - self.mean) / deviation + self.bias


class Dense(nn.Module):
    """A dense layer, its units normalised over the batch if ``normalised``."""

    def __init__(self, inputs: int, units: int, normalised: bool) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, units)
        self.norm = Normalisation(units) if normalised else None

    def forward(self, inputs: Tensor) -> Tensor:
        """Return units [D, H] for inputs [D, I]."""
        units: Tensor = self.dense(inputs)
        return units if self.norm is None else self.norm(units)

    def export(self) -> Layer:
        """Return the one dense layer that does the same in evaluation."""
        weight, bias = self.dense.weight, self.dense.bias
        return Layer(*map(_array, (weight, bias) if self.norm is None else self.norm.fold(weight, bias)))


class WordLayer(nn.Module):
    """The encoder's first layer: dense over a document's relative word frequencies, at the cost of the words it has."""

    def __init__(self, feature_dim: int, units: int, normalised: bool) -> None:
        super().__init__()
        bound = feature_dim**-0.5
        self.weight = nn.Parameter(nn.init.uniform_(torch.empty(feature_dim, units), -bound, bound))
        self.bias = nn.Parameter(torch.zeros(units))
        self.norm = Normalisation(units) if normalised else None

    @torch.no_grad()
    def start_from(self, embeddings: Tensor) -> None:
        """Take word embeddings [V, H] of mean square 1 for the first weights."""
        self.weight.copy_(_EMBEDDING_SCALE * embeddings)

    def forward(self, batch: Batch, dropout: float, generator: Generator | None) -> Tensor:
        """Return units [D, H] of documents, of which a share ``dropout`` of the words is not looked at."""
        counts, lengths = batch.counts, batch.lengths
        if self.training and dropout:
            kept = (
                counts * (1 - dropout) + torch.rand(counts.shape, generator=generator, device=counts.device)
            ).floor()
            left = torch.zeros_like(lengths).index_add_(0, batch.documents, kept)
            # A document that lost all of its words keeps them.
            empty = left == 0
            counts = torch.where(empty.index_select(0, batch.documents), counts, kept)
            lengths = torch.where(empty, lengths, left)
        frequencies = counts / lengths.index_select(0, batch.documents)
        units = bag_of_embeddings(self.weight, INPUT_SCALE * frequencies, batch) + self.bias
        return units if self.norm is None else self.norm(units)

    def export(self) -> Layer:
        """Return the layer in evaluation, for frequencies that are not scaled: weight [V, H], bias [H]."""
        weight: Tensor = self.weight * INPUT_SCALE
        bias: Tensor = self.bias
        if self.norm is not None:
            folded, bias = self.norm.fold(weight.T, bias)
            weight = folded.T
        return Layer(_array(weight), _array(bias))


class Decoder(nn.Module):
    """Word logits of topic mixtures; if ``normalised``, each word's logit has variance 1 over the documents.

    The logits are linear in theta, so their mean and variance over a batch follow from those of theta: normalising
    them is scaling the weights, K x K work a word instead of a pass over documents x words. The scaled weights are
    what a topic says of each word.
    """

    topic_mean: Tensor
    topic_covariance: Tensor

    def __init__(self, feature_dim: int, num_topics: int, normalised: bool, unigram: Tensor) -> None:
        super().__init__()
        self._normalised = normalised
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(feature_dim, num_topics)))
        self.bias = nn.Parameter(unigram.log())
        self.register_buffer("topic_mean", torch.full((num_topics,), 1 / num_topics))
        self.register_buffer("topic_covariance", torch.eye(num_topics) / num_topics)

    def scaled(self, theta: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return weights [V, K] and bias [V] such that the logits are ``theta @ weights.T + bias``.

        Args:
            theta: a batch of topic mixtures [D, K] to normalise over; without it, over those of the training so far.
        """
        if not self._normalised:
            return self.weight, self.bias
        if theta is None or len(theta) < 2:
            mean, covariance = self.topic_mean, self.topic_covariance
        else:
            mean = theta.mean(0)
            covariance = (theta - mean).T @ (theta - mean) / len(theta)
            with torch.no_grad():
                self.topic_mean.lerp_(mean, _MOMENTUM)
                self.topic_covariance.lerp_(covariance, _MOMENTUM)
        weights, centre = normalised(self.weight, mean, covariance, _VARIANCE_FLOOR)
        return weights, self.bias + centre


class Network(nn.Module):
    """Encoder and decoder; see the module's text."""

    def __init__(self, hyperparameters: Hyperparameters, num_topics: int, unigram: Tensor) -> None:
        """Make a network with random weights from torch's generator.

        Args:
            hyperparameters: its sizes and its objective.
            num_topics: the number of topics, which may be more than is asked for.
            unigram: probability of each word in the corpus, all positive [V]: the decoder's first guess.
        """
        super().__init__()
        self.num_topics = num_topics
        self._objective = objective = hyperparameters.objective_settings
        self._activation = hyperparameters.encoder_layers_activation
        first, *others = sizes = hyperparameters.hidden_sizes
        normalised = hyperparameters.batch_norm
        self.words = WordLayer(hyperparameters.feature_dim, first, normalised)
        self.hidden = nn.ModuleList(
            Dense(inputs, units, normalised) for inputs, units in zip(sizes, others, strict=False)
        )
        self.mean = Dense(sizes[-1], num_topics, objective.normalised)
        self.log_variance = Dense(sizes[-1], num_topics, objective.normalised)
        self.decoder = Decoder(hyperparameters.feature_dim, num_topics, objective.normalised, unigram)

    def encode(self, batch: Batch, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of h, each [D, K]; ``generator`` decides what is dropped in training."""
        activation = _ACTIVATIONS[self._activation]
        hidden = activation(self.words(batch, self._objective.word_dropout, generator))
        for layer in self.hidden:
            hidden = activation(layer(hidden))
        if self.training and (dropout := self._objective.hidden_dropout):
            kept = torch.rand(hidden.shape, generator=generator, device=hidden.device) >= dropout
            hidden = hidden * kept / (1 - dropout)
        return self.mean(hidden), self.log_variance(hidden)

    def forward(self, batch: Batch, generator: Generator, divergence_weight: float = 1.0) -> Losses:
        """Return the losses of documents whose h is drawn, by ``generator``, from the encoder's Gaussian."""
        mean, log_variance = self.encode(batch, generator)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        theta = functional.softmax(mean + noise * (0.5 * log_variance).exp(), dim=1)
        weights, bias = self.decoder.scaled(theta if self.training else None)
        total, losses = reconstruction(theta, weights, bias, batch)
        variance = self._objective.prior_variance
        spread = (log_variance.exp() + mean.square()) / variance
        divergence = 0.5 * (spread - log_variance + math.log(variance) - 1).sum(1)
        return Losses(total + divergence_weight * divergence.sum(), losses, divergence.detach(), theta)

    @torch.no_grad()
    def topic_weights(self, batch: Batch) -> Tensor:
        """Return the documents' topic mixtures [D, K] at the means of the encoder's Gaussians, as serving does."""
        return functional.softmax(self.encode(batch)[0], dim=1)

    def export(self) -> TopicModel:
        """Return the network as serving needs it: no normalisation, no log variance, on the CPU in numpy."""
        hidden = (self.words.export(), *(layer.export() for layer in self.hidden if isinstance(layer, Dense)))
        weights, bias = self.decoder.scaled()
        return TopicModel(self._activation, hidden, self.mean.export(), Layer(_array(weights), _array(bias)))


def select_topics(name: str, tensor: Tensor, topics: Tensor) -> Tensor:
    """Return the part of the network's tensor of that name (or of what the optimizer keeps for it) of some topics."""
    for axis in TOPIC_AXES.get(name, ()):
        tensor = tensor.index_select(axis, topics)
    return tensor


def _array(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().cpu(), np.float32)
