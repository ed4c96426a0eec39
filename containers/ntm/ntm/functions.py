"""The passes over words, each with its gradient in closed form.

None makes a matrix of documents x words but for a slice that fits the cache: memory follows the words that occur.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ntm.batch import Batch

# Logits of a slice of documents: 8 MB.
_SLICE = 2 * 1024 * 1024
# Below it a probability's logarithm is not a number any more.
_SMALLEST = 1e-30


def bag_of_embeddings(embeddings: Tensor, weights: Tensor, batch: Batch) -> Tensor:
    """Return the sum of the embeddings of each document's words, times the words' weights, [D, H].

    That is a dense layer over word weights. It has a gradient by the embeddings only.

    Args:
        embeddings: of words [V, H].
        weights: of the batch's entries [N].
        batch: the documents.
    """
    bags: Tensor = _BagOfEmbeddings.apply(embeddings, weights, batch)  # type: ignore[no-untyped-call]
    return bags


def reconstruction(theta: Tensor, weights: Tensor, bias: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return minus the log likelihood of documents' words under softmax(theta @ weights.T + bias), in nats.

    Args:
        theta: topic mixtures [D, K].
        weights: of topics for words [V, K].
        bias: of words [V].
        batch: the documents.

    Returns:
        The sum over documents, which has a gradient; each document's own [D], which has none.
    """
    total, losses = _Reconstruction.apply(theta, weights, bias, batch)  # type: ignore[no-untyped-call]
    return total, losses


def normalised(weights: Tensor, mean: Tensor, covariance: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    """Return weights and bias that give each word's logit mean 0 and variance 1 over documents.

    The logits of theta are ``theta @ weights.T``: their mean and variance follow from those of theta.

    Args:
        weights: of topics for words [V, K].
        mean: of theta [K].
        covariance: of theta [K, K].
        floor: added to the variance.

    Returns:
        Weights [V, K] and bias [V].
    """
    scaled, bias = _Normalised.apply(weights, mean, covariance, floor)  # type: ignore[no-untyped-call]
    return scaled, bias


class _BagOfEmbeddings(torch.autograd.Function):
    """The gradient is the same operation on the transposed matrix: a bag for each word."""

    @staticmethod
    def forward(ctx: Any, embeddings: Tensor, weights: Tensor, batch: Batch) -> Tensor:
        ctx.batch = batch
        ctx.save_for_backward(weights)
        return functional.embedding_bag(
            batch.words, embeddings, batch.offsets[:-1], mode="sum", per_sample_weights=weights
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        batch: Batch = ctx.batch
        (weights,) = ctx.saved_tensors
        gradient = functional.embedding_bag(
            batch.documents.index_select(0, batch.by_word),
            gradients[0].contiguous(),
            batch.word_offsets[:-1],
            mode="sum",
            per_sample_weights=weights.index_select(0, batch.by_word),
        )
        return gradient, None, None


class _Reconstruction(torch.autograd.Function):
    """The gradient by a document's logits is its length times the probabilities, minus its counts.

    It is made with the loss, slice by slice, and only its products with theta and the weights are kept.
    """

    @staticmethod
    def forward(ctx: Any, theta: Tensor, weights: Tensor, bias: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        wanted = any(ctx.needs_input_grad)
        losses = torch.zeros_like(batch.lengths)
        by_theta, by_weights, by_bias = (torch.zeros_like(x) for x in (theta, weights, bias)) if wanted else (None,) * 3
        size = max(1, _SLICE // len(bias))
        for start in range(0, len(theta), size):
            part = slice(start, start + size)
            probabilities = torch.softmax(torch.addmm(bias, theta[part], weights.T), dim=1)
            first, last = batch.entries(start, min(start + size, len(theta)))
            counts = batch.counts[first:last]
            cells = (batch.documents[first:last] - start) * len(bias) + batch.words[first:last]
            flat = probabilities.view(-1)
            likelihood = flat.index_select(0, cells).clamp_min_(_SMALLEST).log_().mul_(counts)
            losses.index_add_(0, batch.documents[first:last], likelihood, alpha=-1)
            if by_theta is not None and by_weights is not None and by_bias is not None:
                probabilities *= batch.lengths[part, None]
                flat.index_add_(0, cells, counts, alpha=-1)
                torch.mm(probabilities, weights, out=by_theta[part])
                by_weights.addmm_(probabilities.T, theta[part])
                by_bias += probabilities.sum(0)
        if wanted:
            ctx.save_for_backward(by_theta, by_weights, by_bias)
        ctx.mark_non_differentiable(losses)
        return losses.sum(), losses

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        by_theta, by_weights, by_bias = ctx.saved_tensors
        return by_theta * gradients[0], by_weights * gradients[0], by_bias * gradients[0], None


class _Normalised(torch.autograd.Function):
    """With s = sqrt(diag(W C W') + floor): scaled = W / s and bias = -scaled m."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, mean: Tensor, covariance: Tensor, floor: float) -> tuple[Tensor, Tensor]:
        spread = weights @ covariance
        deviation = torch.linalg.vecdot(spread, weights).add_(floor).sqrt_().unsqueeze(1)
        scaled = weights / deviation
        ctx.save_for_backward(scaled, deviation, spread, mean)
        return scaled, -(scaled @ mean)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        scaled, deviation, spread, mean = ctx.saved_tensors
        by_scaled = torch.addr(gradients[0], gradients[1], mean, alpha=-1)
        along = torch.linalg.vecdot(by_scaled, scaled).unsqueeze(1)
        by_weights = by_scaled.addcmul_(spread, along / deviation, value=-1).div_(deviation)
        by_mean = -(scaled.T @ gradients[1])
        by_covariance = (scaled * along).T @ scaled / -2
        return by_weights, by_mean, by_covariance, None
