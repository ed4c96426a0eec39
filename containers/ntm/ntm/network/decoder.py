"""Decoder: word probabilities of topic mixtures, reconstruction loss and its gradient.

Documents x words matrices are computed in slices that fit the cache; memory depends on the words that occur.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ntm.data.batch import Batch
from ntm.network.inference import Layer
from ntm.network.layers import MOMENTUM, VARIANCE_FLOOR, gradient_of, to_numpy

# Logits of a slice of documents: 8 MB.
_SLICE = 2 * 1024 * 1024
# Lower bound of probabilities, which keeps their logarithms finite.
_SMALLEST = 1e-30


class Gradients(NamedTuple):
    """Gradients of the summed losses by theta [D, K], weights [V, K] and bias [V]."""

    theta: Tensor
    weights: Tensor
    bias: Tensor


def reconstruction(theta: Tensor, weights: Tensor, bias: Tensor, batch: Batch, by: Gradients | None = None) -> Tensor:
    """Return each document's negative log-likelihood under softmax(theta @ weights.T + bias), in nats [D].

    The gradient with respect to a document's logits is its length times the probabilities, minus its counts. It is
    computed along with the loss, slice by slice, and only its products with theta and the weights are kept.

    Args:
        theta: Topic mixtures [D, K].
        weights: Weights of words in topics [V, K].
        bias: Bias of words [V].
        batch: The documents.
        by: Gradients to compute; None for none. Theta's is overwritten, the others are accumulated.
    """
    losses = torch.zeros_like(batch.lengths)
    size = max(1, _SLICE // len(bias))
    for start in range(0, len(theta), size):
        part = slice(start, start + size)
        probabilities = torch.addmm(bias, theta[part], weights.T)
        torch.softmax(probabilities, dim=1, out=probabilities)
        first, last = batch.entries(start, min(start + size, len(theta)))
        documents, counts = batch.documents[first:last], batch.counts[first:last]
        cells = (documents - start) * len(bias) + batch.words[first:last]
        flat = probabilities.view(-1)
        likelihood = flat.index_select(0, cells).clamp_min_(_SMALLEST).log_().mul_(counts)
        losses.index_add_(0, documents, likelihood, alpha=-1)
        if by is not None:
            probabilities *= batch.lengths[part, None]
            flat.index_add_(0, cells, counts, alpha=-1)
            torch.mm(probabilities, weights, out=by.theta[part])
            by.weights.addmm_(probabilities.T, theta[part])
            by.bias.add_(probabilities.sum(0))
    return losses


class Decoder(nn.Module):
    """Word logits of topic mixtures; if ``normalised``, each word's logit has variance 1 over the documents.

    The logits are linear in theta, so their mean and variance over a batch follow from theta's mean and covariance.
    Normalisation therefore amounts to scaling the weights, which takes K x K operations per word instead of a pass
    over documents x words.
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

    def logits(self) -> tuple[Tensor, Tensor]:
        """Return the weights [V, K] and the bias [V] of the logits, ``theta @ weights.T + bias``."""
        if not self._normalised:
            return self.weight, self.bias
        scaling = _Scaling(self.weight, self.topic_mean, self.topic_covariance)
        return scaling.weights, self.bias + scaling.bias

    def forward(self, theta: Tensor, batch: Batch) -> Tensor:
        """Return each document's loss [D], in nats."""
        return reconstruction(theta, *self.logits(), batch)

    def learn(self, theta: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return each document's loss [D] and their sum's gradient by theta [D, K]; set the parameters' gradients."""
        by_weight, by_bias = gradient_of(self.weight), gradient_of(self.bias)
        by = Gradients(torch.empty_like(theta), by_weight.zero_(), by_bias.zero_())
        if not self._normalised:
            return reconstruction(theta, self.weight, self.bias, batch, by), by.theta

        of_batch = len(theta) > 1
        mean, covariance = self.topic_mean, self.topic_covariance
        if of_batch:
            mean = theta.mean(0)
            centred = theta - mean
            covariance = centred.T @ centred / len(theta)
            self.topic_mean.lerp_(mean, MOMENTUM)
            self.topic_covariance.lerp_(covariance, MOMENTUM)
        scaling = _Scaling(self.weight, mean, covariance)
        losses = reconstruction(theta, scaling.weights, self.bias + scaling.bias, batch, by)
        by_mean, by_covariance = scaling.backward(by.weights, by.bias)
        if of_batch:
            by.theta.add_(by_mean / len(theta)).addmm_(centred, by_covariance, alpha=2 / len(theta))
        return losses, by.theta

    def export(self) -> Layer:
        """Return the layer for evaluation: weight [V, K], bias [V]."""
        return Layer(*map(to_numpy, self.logits()))


class _Scaling:
    """Weights and bias that give each word's logit mean 0 and variance 1 over documents.

    The unscaled logits are ``theta @ weights.T``. With s = sqrt(diag(W C W') + floor), the scaled weights are W / s,
    and the bias is minus their product with the mean.
    """

    def __init__(self, weights: Tensor, mean: Tensor, covariance: Tensor) -> None:
        """Scale weights [V, K], given mean [K] and covariance [K, K] of theta."""
        self._mean = mean
        self._spread = weights @ covariance
        self._deviation = torch.linalg.vecdot(self._spread, weights).add_(VARIANCE_FLOOR).sqrt_().unsqueeze(1)
        self.weights = weights / self._deviation
        self.bias = -(self.weights @ mean)

    def backward(self, by_weights: Tensor, by_bias: Tensor) -> tuple[Tensor, Tensor]:
        """Convert ``by_weights`` [V, K] to unscaled weights; return the gradients of mean [K] and covariance [K, K]."""
        by_weights.addr_(by_bias, self._mean, alpha=-1)
        along = torch.linalg.vecdot(by_weights, self.weights).unsqueeze(1)
        by_mean = -(self.weights.T @ by_bias)
        by_covariance = (self.weights * along).T @ self.weights / -2
        by_weights.addcmul_(self._spread, along / self._deviation, value=-1).div_(self._deviation)
        return by_mean, by_covariance
