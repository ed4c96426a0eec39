"""Network: a variational autoencoder of bags of words with a topic mixture as latent variable.

The encoder maps a document to a Gaussian over h in R^K; the topic mixture is theta = softmax(h), logistic-normal; the
decoder gives word probabilities softmax(B theta + b). The prior of h is a Gaussian with mean 0 and independent units.

Sources: Miao et al., Neural Variational Inference for Text Processing, arXiv 1511.06038 (the family that SageMaker's
NTM names); Srivastava and Sutton, Autoencoding Variational Inference for Topic Models, arXiv 1703.01488 (batch
normalisation without a learnt scale, which keeps the decoder from ignoring theta).
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from ntm.common.hyperparameters import Hyperparameters
from ntm.data.batch import Batch
from ntm.network.decoder import Decoder
from ntm.network.inference import Layer, TopicModel
from ntm.network.layers import Dense, Dropout, WordLayer

# The logarithm of a weight of 0 has no gradient.
_SMALLEST = 1e-12

# Topic axes of the decoder's tensors.
_DECODER_AXES: Mapping[str, tuple[int, ...]] = {
    "decoder.weight": (1,),
    "decoder.topic_mean": (0,),
    "decoder.topic_covariance": (0, 1),
}


class Losses(NamedTuple):
    """Losses of documents, in nats.

    Attributes:
        reconstruction: Reconstruction loss of each document [D].
        divergence: Divergence from the prior of each document [D].
    """

    reconstruction: Tensor
    divergence: Tensor


class Network(nn.Module):
    """Encoder and decoder; see the module's docstring. Gradients are computed by ``learn``, not by autograd."""

    def __init__(self, hyperparameters: Hyperparameters, num_topics: int, unigram: Tensor) -> None:
        """Create a network with random weights from torch's default generator.

        Args:
            hyperparameters: Sizes and objective of the network.
            num_topics: Number of topics, which may exceed the requested number.
            unigram: Positive probability of each word in the corpus [V]; initialises the decoder's bias.
        """
        super().__init__()
        self.num_topics = num_topics
        self.objective = objective = hyperparameters.objective_settings
        self._activation = activation = hyperparameters.encoder_layers_activation
        first, *others = sizes = hyperparameters.hidden_sizes
        feature_dim, normalised = hyperparameters.feature_dim, hyperparameters.batch_norm
        self.words = WordLayer(feature_dim, first, normalised, activation, objective.word_dropout)
        self._hidden = tuple(Dense(*shape, normalised, activation) for shape in zip(sizes, others, strict=False))
        self.hidden = nn.ModuleList(self._hidden)
        self.dropout = Dropout(objective.hidden_dropout)
        # The means of h first, then their log variances.
        self.gaussian = Dense(sizes[-1], 2 * num_topics, objective.normalised)
        self.decoder = Decoder(feature_dim, num_topics, objective.normalised, unigram)
        self.requires_grad_(False)

    def encode(self, batch: Batch, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of h, each [D, K]; ``generator`` is the source of dropout in training."""
        hidden = self.words(batch, generator)
        for layer in self._hidden:
            hidden = layer(hidden)
        mean, log_variance = self.gaussian(self.dropout(hidden, generator)).chunk(2, dim=1)
        return mean, log_variance

    def forward(self, batch: Batch, generator: Generator) -> Losses:
        """Return the losses of documents, with h drawn from the encoder's Gaussian by ``generator``."""
        latent = _Latent(*self.encode(batch, generator), generator, self.objective.prior_variance)
        return Losses(self.decoder(latent.theta, batch), latent.divergence())

    def learn(self, batch: Batch, generator: Generator, divergence_weight: float, information_weight: float) -> Losses:
        """Set the parameters' gradients (``.grad``) of the cost, summed over the documents.

        The cost is the reconstruction loss plus the weighted divergence minus the weighted mutual information of
        documents and topics; see ``mutual_information_gradient``. It is summed, not averaged, because Adadelta, the
        default, barely moves if gradients are small.

        Args:
            batch: The documents.
            generator: Source of dropout and of h.
            divergence_weight: Weight of the divergence.
            information_weight: Weight of the mutual information, per document.

        Returns:
            The documents' unweighted losses.
        """
        latent = _Latent(*self.encode(batch, generator), generator, self.objective.prior_variance)
        losses, by_theta = self.decoder.learn(latent.theta, batch)
        if information_weight:
            by_theta.sub_(mutual_information_gradient(latent.theta), alpha=information_weight * len(batch))
        gradient = self.gaussian.backward(latent.backward(by_theta, divergence_weight))
        gradient = self.dropout.backward(gradient)
        for layer in reversed(self._hidden):
            gradient = layer.backward(gradient)
        self.words.backward(gradient)
        return Losses(losses, latent.divergence())

    def topic_weights(self, batch: Batch) -> Tensor:
        """Return the documents' topic mixtures [D, K] at the means of the encoder's Gaussians, as serving does."""
        return self.encode(batch)[0].softmax(dim=1)

    def export(self) -> TopicModel:
        """Return the network for serving, in numpy, with normalisation folded in and without log variances."""
        hidden = (self.words.export(), *(layer.export() for layer in self._hidden))
        gaussian = self.gaussian.export()
        mean = Layer(gaussian.weight[: self.num_topics], gaussian.bias[: self.num_topics])
        return TopicModel(self._activation, hidden, mean, self.decoder.export())


class _Latent:
    """Gaussians of documents, a sample h of each, and its mixture theta = softmax(h)."""

    def __init__(self, mean: Tensor, log_variance: Tensor, generator: Generator, prior_variance: float) -> None:
        self._mean, self._log_variance, self._prior_variance = mean, log_variance, prior_variance
        deviation = (0.5 * log_variance).exp_()
        self._offset = torch.randn(mean.shape, generator=generator, device=mean.device).mul_(deviation)
        self._variance = deviation.square_()
        self.theta = (mean + self._offset).softmax(dim=1)

    def divergence(self) -> Tensor:
        """Return each Gaussian's Kullback-Leibler divergence from the prior [D]."""
        spread = torch.addcmul(self._variance, self._mean, self._mean)
        constant = self._mean.shape[1] * (math.log(self._prior_variance) - 1)
        return (spread / self._prior_variance).sub_(self._log_variance).sum(1).add_(constant).mul_(0.5)

    def backward(self, by_theta: Tensor, divergence_weight: float) -> Tensor:
        """Return the gradient by means and log variances [D, 2K], including the weighted divergence."""
        by_h = torch.ops.aten._softmax_backward_data.default(by_theta, self.theta, 1, self.theta.dtype)
        of_prior = divergence_weight / self._prior_variance
        by_mean = torch.add(by_h, self._mean, alpha=of_prior)
        by_log_variance = (self._variance * of_prior).sub_(divergence_weight).addcmul_(by_h, self._offset).mul_(0.5)
        return torch.cat([by_mean, by_log_variance], dim=1)


def mutual_information_gradient(theta: Tensor) -> Tensor:
    """Return the gradient, by mixtures theta [D, K], of the mutual information I in nats.

    I is the mutual information of a document and a topic drawn from its mixture: the mean over documents of
    sum_k theta_k ln theta_k, minus the same sum for the mean mixture.
    """
    logarithms = theta.clamp_min(_SMALLEST).log_()
    return logarithms.sub_(theta.mean(0).clamp_min_(_SMALLEST).log_()).div_(len(theta))


def select_topics(name: str, tensor: Tensor, topics: Tensor) -> Tensor:
    """Return the slice of some topics of a named tensor of the network or of its optimizer state."""
    if name.startswith("gaussian."):
        return tensor.index_select(0, torch.cat([topics, topics + len(tensor) // 2]))
    for axis in _DECODER_AXES.get(name, ()):
        tensor = tensor.index_select(axis, topics)
    return tensor
