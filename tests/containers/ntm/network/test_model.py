import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from ntm.common.hyperparameters import Hyperparameters
from ntm.common.objectives import OBJECTIVES
from ntm.data.bag_of_words import BagOfWords
from ntm.data.batch import Batch
from ntm.network.layers import WordLayer
from ntm.network.model import Network, mutual_information_gradient, select_topics
from ntm.training.optimizers import Optimizer
from tests.containers.ntm import jobs, planted

SMALL = Hyperparameters(
    feature_dim=planted.FEATURE_DIM, num_topics=planted.TOPICS, encoder_layers=(50,), encoder_layers_activation="relu"
)
UNIGRAM = torch.full((planted.FEATURE_DIM,), 1 / planted.FEATURE_DIM)
CPU = torch.device("cpu")


def network_of(settings: Hyperparameters, num_topics: int = planted.TOPICS) -> Network:
    torch.manual_seed(0)
    return Network(settings, num_topics, UNIGRAM)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("layers", [(30,), (30, 20, 10)])
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("objective", ["topics", "elbo"])
def test_exported_model_is_the_network_in_evaluation(
    activation: str, layers: tuple[int, ...], batch_norm: bool, objective: str
) -> None:
    settings = dataclasses.replace(
        SMALL,
        encoder_layers=layers,
        encoder_layers_activation=activation,
        batch_norm=batch_norm,
        objective=objective,
    )
    bag = planted.corpus(300, 1)[0]
    network, batch = network_of(settings), Batch.of(bag, CPU)
    optimizer = Optimizer(network, dataclasses.replace(settings, optimizer="adam", learning_rate=0.01))
    for _ in range(5):
        network.learn(batch, generator(), 1.0, 0.0)
        optimizer.step()
    network.eval()
    model = network.export()
    theta = network.topic_weights(batch)
    weights, bias = network.decoder.logits()
    np.testing.assert_allclose(model.topic_weights(bag), theta.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.decoder.weight, weights.numpy(), rtol=1e-6)
    np.testing.assert_allclose(
        model.word_probabilities(), torch.softmax(weights + bias[:, None], dim=0).numpy(), rtol=1e-4
    )


@pytest.mark.parametrize("objective", ["topics", "elbo"])
def test_losses_equal_the_dense_formula(objective: str) -> None:
    settings = dataclasses.replace(SMALL, objective=objective)
    bag = planted.corpus(50, 2)[0]
    network, batch = network_of(settings).eval(), Batch.of(bag, CPU)
    losses = network(batch, generator())
    mean, log_variance = network.encode(batch)
    expected = dense_losses(network, bag, mean, log_variance, *network.decoder.logits())
    torch.testing.assert_close(losses.reconstruction, expected[0], rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(losses.divergence, expected[1], rtol=1e-4, atol=1e-4)


def dense_losses(
    network: Network, bag: BagOfWords, mean: Tensor, log_variance: Tensor, weights: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return reconstruction loss, divergence and theta of each document by the textbook formulas."""
    noise = torch.randn(mean.shape, generator=generator())
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    theta = torch.softmax(mean + noise * posterior.scale, dim=1)
    counts = torch.from_numpy(jobs.dense(bag))
    reconstruction = -(counts * torch.log_softmax(theta @ weights.T + bias, dim=1)).sum(1)
    prior = torch.distributions.Normal(0.0, network.objective.prior_variance**0.5)
    return reconstruction, torch.distributions.kl_divergence(posterior, prior).sum(1), theta


def batch_normalised(units: Tensor, bias: Tensor) -> Tensor:
    return torch.nn.functional.batch_norm(units, None, None, None, bias, training=True, eps=1e-3)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("layers", [(30,), (30, 20, 10)])
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("normalised", [True, False])
def test_gradients_equal_autograds(
    activation: str, layers: tuple[int, ...], batch_norm: bool, normalised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = dataclasses.replace(OBJECTIVES["topics"], normalised=normalised, word_dropout=0.0, hidden_dropout=0.0)
    monkeypatch.setitem(OBJECTIVES, "topics", plain)
    settings = dataclasses.replace(
        SMALL, encoder_layers=layers, encoder_layers_activation=activation, batch_norm=batch_norm
    )
    bag = planted.corpus(60, 4)[0]
    network = network_of(settings)
    torch.nn.init.normal_(network.gaussian.units.bias, std=0.1)
    copy = {name: value.clone().requires_grad_() for name, value in network.named_parameters()}
    network.learn(Batch.of(bag, CPU), generator(), 0.3, 2.0)

    counts = torch.from_numpy(jobs.dense(bag))
    hidden, names = (
        10 * counts / counts.sum(1, keepdim=True),
        ["words", *(f"hidden.{n}" for n in range(len(layers) - 1))],
    )
    for name in names:
        weight, bias = copy[f"{name}.weight"], copy[f"{name}.units.bias"]
        products = hidden @ (weight if name == "words" else weight.T)
        hidden = getattr(torch, activation)(batch_normalised(products, bias) if batch_norm else products + bias)
    products, bias = hidden @ copy["gaussian.weight"].T, copy["gaussian.units.bias"]
    mean, log_variance = (batch_normalised(products, bias) if normalised else products + bias).chunk(2, dim=1)
    weights, centre = copy["decoder.weight"], copy["decoder.bias"]
    if normalised:
        theta = dense_losses(network, bag, mean, log_variance, weights, centre)[2]
        variance = torch.einsum("vk,kl,vl->v", weights, torch.cov(theta.T, correction=0), weights)
        weights = weights / (variance + 1e-3).sqrt()[:, None]
        centre = centre - weights @ theta.mean(0)
    reconstruction, divergence, theta = dense_losses(network, bag, mean, log_variance, weights, centre)
    cost = (reconstruction + 0.3 * divergence).sum() - 2.0 * len(bag) * mutual_information(theta)
    cost.backward()
    found = {name: parameter.grad for name, parameter in network.named_parameters()}
    expected = {name: parameter.grad for name, parameter in copy.items()}
    torch.testing.assert_close(found, expected, rtol=2e-3, atol=2e-3)


def mutual_information(theta: Tensor) -> Tensor:
    """Return the mutual information of a document and a topic drawn from its mixture, in nats."""
    mean = theta.mean(0)
    return (theta * theta.log()).sum(1).mean() - (mean * mean.log()).sum()


def test_the_mutual_information_gradient_equals_autograds() -> None:
    theta = torch.softmax(3 * torch.randn(20, 6, generator=generator()), dim=1).requires_grad_()
    (expected,) = torch.autograd.grad(mutual_information(theta), theta)
    found = mutual_information_gradient(theta.detach())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_the_gradient_is_finite_for_a_topic_without_documents() -> None:
    assert mutual_information_gradient(torch.eye(4)[:2]).isfinite().all()


def test_word_dropout_only_in_training_and_never_of_a_whole_document() -> None:
    bag = planted.bag_of([[0], [1, 2, 3]], planted.FEATURE_DIM)
    batch, draws = Batch.of(bag, CPU), torch.Generator().manual_seed(1)
    words = WordLayer(planted.FEATURE_DIM, 20, normalised=False, activation="tanh", dropout=0.5).requires_grad_(False)
    whole = words.eval()(batch, draws)
    torch.testing.assert_close(words(batch, draws), whole)
    words.train()
    seen = torch.stack([words(batch, draws) for _ in range(50)])
    # The document of one word keeps it each time; of the other, every non-empty subset occurs.
    torch.testing.assert_close(seen[:, 0], whole[0].expand_as(seen[:, 0]))
    assert len(seen[:, 1].round(decimals=4).unique(dim=0)) == 7


def test_dropping_topics_does_not_change_the_others() -> None:
    batch = Batch.of(planted.corpus(50, 3)[0], CPU)
    old, new = network_of(SMALL, 8), network_of(SMALL, 3)
    old.learn(batch, generator(), 1.0, 0.0)
    kept = torch.tensor([1, 4, 6])
    new.load_state_dict({name: select_topics(name, tensor, kept) for name, tensor in old.state_dict().items()})
    old.eval(), new.eval()
    for found, expected in zip(new.encode(batch), old.encode(batch), strict=True):
        torch.testing.assert_close(found, expected[:, kept])
    torch.testing.assert_close(new.decoder.weight, old.decoder.weight[:, kept])
