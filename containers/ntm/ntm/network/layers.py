"""Layers of the encoder, with hand-written gradients.

With short documents and small batches, a step consists of many small operations, and recording them by autograd takes
as long as computing them. ``backward`` takes the gradient of the last output of ``forward`` in training, writes the
gradients of the parameters to their ``.grad``, and returns the gradient of the inputs.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from ntm.data.batch import Batch
from ntm.network.inference import Array, Layer

# Scale of the relative word frequencies at the input: with it, embeddings of the usual initial size have an effect.
INPUT_SCALE = 10.0

# Batch normalisation: update rate of the running statistics, and constant added to the variance.
MOMENTUM = 0.1
VARIANCE_FLOOR = 1e-3

# Scale of the initial word embeddings.
_EMBEDDING_SCALE = 0.04

# Activations with their gradients, given the gradient of the outputs and the outputs.
_ACTIVATIONS: Mapping[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "sigmoid": (torch.sigmoid_, torch.ops.aten.sigmoid_backward.default),
    "tanh": (torch.tanh_, torch.ops.aten.tanh_backward.default),
    "linear": (lambda units: units, lambda gradient, _: gradient),
    "relu": (torch.relu_, lambda gradient, outputs: torch.ops.aten.threshold_backward.default(gradient, outputs, 0)),
}


class Units(nn.Module):
    """Optional batch normalisation, bias and activation of a layer's products.

    Batch normalisation has no learnt scale (Srivastava and Sutton, arXiv 1703.01488); a batch of one is normalised as
    in evaluation.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, units: int, normalised: bool, activation: str) -> None:
        super().__init__()
        self._normalised = normalised
        self._activate, self._by_products = _ACTIVATIONS[activation]
        self.bias = nn.Parameter(torch.zeros(units))
        if normalised:
            self.register_buffer("mean", torch.zeros(units))
            self.register_buffer("variance", torch.ones(units))

    def forward(self, products: Tensor) -> Tensor:
        """Return units [D, H], given products [D, H], which may be overwritten."""
        if self._normalised:
            self._products, self._of_batch = products, self.training and len(products) > 1
            units, *self._statistics = torch.native_batch_norm(
                products, None, self.bias, self.mean, self.variance, self._of_batch, MOMENTUM, VARIANCE_FLOOR
            )
        else:
            units = products.add_(self.bias)
        self._outputs = self._activate(units)
        return self._outputs

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient by the products; see the module's docstring."""
        gradient = self._by_products(gradient, self._outputs)
        if not self._normalised:
            torch.sum(gradient, 0, out=gradient_of(self.bias))
            return gradient
        by_products: Tensor
        by_products, _, by_bias = torch.ops.aten.native_batch_norm_backward.default(
            gradient,
            self._products,
            None,
            self.mean,
            self.variance,
            *self._statistics,
            self._of_batch,
            VARIANCE_FLOOR,
            [True, False, True],
        )
        gradient_of(self.bias).copy_(by_bias)
        return by_products

    def fold(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return weight [H, I] and bias [H] of the equivalent dense layer in evaluation."""
        if not self._normalised:
            return weight, self.bias
        deviation = (self.variance + VARIANCE_FLOOR).sqrt()
        return weight / deviation[:, None], self.bias - self.mean / deviation


class Dense(nn.Module):
    """Dense layer."""

    def __init__(self, inputs: int, units: int, normalised: bool, activation: str = "linear") -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.uniform_(torch.empty(units, inputs), -(inputs**-0.5), inputs**-0.5))
        self.units = Units(units, normalised, activation)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return units [D, H] for inputs [D, I]."""
        self._inputs = inputs
        units: Tensor = self.units(inputs @ self.weight.T)
        return units

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient by the inputs; see the module's docstring."""
        gradient = self.units.backward(gradient)
        torch.mm(gradient.T, self._inputs, out=gradient_of(self.weight))
        return gradient @ self.weight

    def export(self) -> Layer:
        """Return the layer in evaluation: weight [H, I], bias [H]."""
        return Layer(*map(to_numpy, self.units.fold(self.weight)))


class WordLayer(nn.Module):
    """First layer of the encoder: dense over relative word frequencies, at a cost proportional to the words present."""

    def __init__(self, feature_dim: int, units: int, normalised: bool, activation: str, dropout: float) -> None:
        """Create a layer with random weights.

        Args:
            feature_dim: Size of the vocabulary, V.
            units: Number of units, H.
            normalised: Batch-normalise the units.
            activation: Activation function: sigmoid, tanh or relu.
            dropout: Share of a document's words dropped in training.
        """
        super().__init__()
        bound = feature_dim**-0.5
        self.weight = nn.Parameter(nn.init.uniform_(torch.empty(feature_dim, units), -bound, bound))
        self.units = Units(units, normalised, activation)
        self._dropout = dropout

    def start_from(self, embeddings: Tensor) -> None:
        """Initialise the weights with word embeddings [V, H] of mean square 1."""
        self.weight.copy_(_EMBEDDING_SCALE * embeddings)

    def forward(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        """Return units [D, H] of documents; ``generator`` decides which words are dropped in training."""
        counts, lengths = batch.counts, batch.lengths
        if self.training and self._dropout:
            draws = torch.rand(counts.shape, generator=generator, device=counts.device)
            kept = draws.add_(counts, alpha=1 - self._dropout).floor_()
            left = torch.zeros_like(lengths).index_add_(0, batch.documents, kept)
            # A document that would lose all its words keeps them.
            empty = left == 0
            counts = torch.where(empty.index_select(0, batch.documents), counts, kept)
            lengths = torch.where(empty, lengths, left)
        self._batch = batch
        self._frequencies = counts * (INPUT_SCALE / lengths).index_select(0, batch.documents)
        units: Tensor = self.units(_bags(self.weight, batch.words, batch.offsets, self._frequencies))
        return units

    def backward(self, gradient: Tensor) -> None:
        """Compute the gradients of the parameters; documents have no gradient."""
        gradient = self.units.backward(gradient)
        # Product with the transposed matrix: one bag of documents per word.
        batch, by_word = self._batch, self._batch.by_word
        documents, frequencies = (entries.index_select(0, by_word) for entries in (batch.documents, self._frequencies))
        gradient_of(self.weight).copy_(_bags(gradient, documents, batch.word_offsets, frequencies))

    def export(self) -> Layer:
        """Return the layer in evaluation, for frequencies that are not scaled: weight [V, H], bias [H]."""
        weight, bias = self.units.fold(self.weight.T * INPUT_SCALE)
        return Layer(to_numpy(weight.T), to_numpy(bias))


class Dropout(nn.Module):
    """Dropout: drops a share of the units in training and scales up the others."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share

    def forward(self, units: Tensor, generator: Generator | None) -> Tensor:
        """Return the units [D, H]; dropped ones are 0."""
        self._kept: Tensor | None = None
        if not (self.training and self._share):
            return units
        draws = torch.rand(units.shape, generator=generator, device=units.device)
        self._kept = (draws >= self._share) / (1 - self._share)
        return units * self._kept

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient by the units; see the module's docstring."""
        return gradient if self._kept is None else gradient * self._kept


def gradient_of(parameter: nn.Parameter) -> Tensor:
    """Return the tensor for the parameter's gradient, creating it on first use."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


def to_numpy(tensor: Tensor) -> Array:
    """Return the tensor as a numpy array."""
    return np.asarray(tensor.cpu(), np.float32)


def _bags(embeddings: Tensor, ids: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """Return, for each bag of ids, the weighted sum of their embeddings."""
    return functional.embedding_bag(
        ids, embeddings, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True
    )
