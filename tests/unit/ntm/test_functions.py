import pytest
import torch
from torch import Tensor

from ntm import functions
from ntm.batch import Batch
from ntm.functions import bag_of_embeddings, normalised, reconstruction
from tests.unit.ntm import jobs, planted

UNITS = 7


@pytest.fixture(scope="module")
def batch() -> Batch:
    return Batch.of(planted.corpus(40, 0)[0], torch.device("cpu"))


@pytest.fixture(scope="module")
def counts(batch: Batch) -> Tensor:
    return torch.from_numpy(jobs.dense(batch.corpus))


def parameter(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def gradients(output: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    """Return the gradients of a number that every element of the output has a part of its own in."""
    own = torch.linspace(0.5, 1.5, output.numel()).view_as(output)
    return torch.autograd.grad((output * own).sum(), inputs)


def test_a_bag_of_embeddings_is_a_dense_layer(batch: Batch, counts: Tensor) -> None:
    embeddings, dense = (parameter(planted.FEATURE_DIM, UNITS, seed=0) for _ in range(2))
    weights = batch.counts / batch.lengths[batch.documents]
    found = bag_of_embeddings(embeddings, weights, batch)
    expected = counts / counts.sum(1, keepdim=True) @ dense
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients(found, embeddings), gradients(expected, dense))


@pytest.mark.parametrize("documents_a_slice", [0, 1, 7, 1000])
def test_the_reconstruction_is_the_likelihood_of_a_softmax(
    batch: Batch, counts: Tensor, documents_a_slice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions, "_SLICE", documents_a_slice * planted.FEATURE_DIM)
    shapes = (len(batch), planted.TOPICS), (planted.FEATURE_DIM, planted.TOPICS), (planted.FEATURE_DIM,)
    (theta, weights, bias), dense = ([parameter(*shape, seed=seed) for seed, shape in enumerate(shapes)] for _ in "ab")
    total, losses = reconstruction(theta, weights, bias, batch)
    expected = -(counts * torch.log_softmax(dense[0] @ dense[1].T + dense[2], dim=1)).sum(1)
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(total, expected.sum(), rtol=1e-5, atol=1e-3)
    assert not losses.requires_grad
    found = gradients(total, theta, weights, bias)
    torch.testing.assert_close(found, gradients(expected.sum(), *dense), rtol=1e-4, atol=1e-3)


def test_without_a_gradient_none_is_made(batch: Batch) -> None:
    with torch.no_grad():
        theta = torch.full((len(batch), planted.TOPICS), 1 / planted.TOPICS)
        weights = parameter(planted.FEATURE_DIM, planted.TOPICS, seed=0)
        total, losses = reconstruction(theta, weights, torch.zeros(planted.FEATURE_DIM), batch)
    assert total == pytest.approx(losses.sum())


def test_normalised_weights_have_autograds_gradient_and_give_logits_of_variance_one() -> None:
    torch.manual_seed(0)
    weights = torch.randn(7, 4, dtype=torch.float64, requires_grad=True)
    theta = torch.softmax(torch.randn(50, 4, dtype=torch.float64), dim=1)
    mean = theta.mean(0).requires_grad_()
    covariance = (theta - theta.mean(0)).T @ (theta - theta.mean(0)) / len(theta)
    scaled, bias = normalised(weights, mean, covariance, 0.0)
    logits = theta @ scaled.T + bias
    assert torch.allclose(logits.mean(0), torch.zeros(7, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(logits.var(0, correction=0), torch.ones(7, dtype=torch.float64))

    def symmetric(weights: torch.Tensor, mean: torch.Tensor, covariance: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return normalised(weights, mean, (covariance + covariance.T) / 2, 1e-3)

    assert torch.autograd.gradcheck(symmetric, (weights, mean, covariance.requires_grad_()))
