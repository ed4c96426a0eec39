import pytest
import torch
from torch import Tensor

from ntm.data.batch import Batch
from ntm.network import decoder
from ntm.network.decoder import Decoder, Gradients, reconstruction
from tests.containers.ntm import jobs, planted

UNIGRAM = torch.full((planted.FEATURE_DIM,), 1 / planted.FEATURE_DIM)


@pytest.fixture(scope="module")
def batch() -> Batch:
    return Batch.of(planted.corpus(40, 0)[0], torch.device("cpu"))


@pytest.fixture(scope="module")
def counts() -> Tensor:
    return torch.from_numpy(jobs.dense(planted.corpus(40, 0)[0]))


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("documents_a_slice", [0, 1, 7, 1000])
def test_the_reconstruction_loss_is_the_likelihood_of_a_softmax(
    batch: Batch, counts: Tensor, documents_a_slice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "_SLICE", documents_a_slice * planted.FEATURE_DIM)
    shapes = (len(batch), planted.TOPICS), (planted.FEATURE_DIM, planted.TOPICS), (planted.FEATURE_DIM,)
    theta, weights, bias = inputs = [random(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    by = Gradients(*map(torch.zeros_like, inputs))
    losses = reconstruction(theta, weights, bias, batch, by)
    for tensor in inputs:
        tensor.requires_grad_()
    expected = -(counts * torch.log_softmax(theta @ weights.T + bias, dim=1)).sum(1)
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(tuple(by), torch.autograd.grad(expected.sum(), inputs), rtol=1e-4, atol=1e-3)


def test_logits_have_variance_one_over_the_batch(batch: Batch) -> None:
    torch.manual_seed(0)
    network = Decoder(planted.FEATURE_DIM, planted.TOPICS, normalised=True, unigram=UNIGRAM).requires_grad_(False)
    network.weight.mul_(100)
    theta = torch.softmax(random(len(batch), planted.TOPICS, seed=0), dim=1)
    for _ in range(200):
        network.learn(theta, batch)
    weights, bias = network.logits()
    logits = theta @ weights.T + bias
    torch.testing.assert_close(logits.var(0, correction=0), torch.ones(planted.FEATURE_DIM), rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(logits.mean(0), network.bias, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("documents", [1, 40])
def test_decoder_gradients_equal_autograds(batch: Batch, counts: Tensor, normalised: bool, documents: int) -> None:
    torch.manual_seed(0)
    network = Decoder(planted.FEATURE_DIM, planted.TOPICS, normalised, UNIGRAM).requires_grad_(False)
    part = Batch.of(planted.corpus(40, 0)[0].part(0, documents), torch.device("cpu"))
    theta = torch.softmax(random(documents, planted.TOPICS, seed=0), dim=1)
    mean, covariance = network.topic_mean.clone(), network.topic_covariance.clone()
    losses, by_theta = network.learn(theta, part)

    weight, bias, theta = (tensor.clone().requires_grad_() for tensor in (network.weight, network.bias, theta))
    scaled, centre = weight, torch.zeros(planted.FEATURE_DIM)
    if normalised:
        if documents > 1:
            mean, covariance = theta.mean(0), torch.cov(theta.T, correction=0)
        scaled = weight / (torch.einsum("vk,kl,vl->v", weight, covariance, weight) + 1e-3).sqrt()[:, None]
        centre = -scaled @ mean
    expected = -(counts[:documents] * torch.log_softmax(theta @ scaled.T + bias + centre, dim=1)).sum(1)
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-4, atol=1e-3)
    by_weight, by_bias, by_input = torch.autograd.grad(expected.sum(), (weight, bias, theta))
    torch.testing.assert_close(network.weight.grad, by_weight, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(network.bias.grad, by_bias, rtol=1e-3, atol=1e-3)
    # theta is a softmax, so a constant over all topics of a document has no effect.
    torch.testing.assert_close(
        by_theta - by_theta.mean(1, True), by_input - by_input.mean(1, True), rtol=1e-3, atol=5e-3
    )
