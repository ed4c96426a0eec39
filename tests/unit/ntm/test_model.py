import dataclasses

import numpy as np
import pytest
import torch

from ntm.batch import Batch
from ntm.hyperparameters import Hyperparameters
from ntm.model import Network, select_topics
from tests.unit.ntm import jobs, planted

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
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(5):
        network(batch, generator()).bound.backward()
        optimizer.step()
    network.eval()
    model = network.export()
    theta = network.topic_weights(batch)
    weights, bias = (tensor.detach() for tensor in network.decoder.scaled())
    np.testing.assert_allclose(model.topic_weights(bag), theta.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.decoder.weight, weights.numpy(), rtol=1e-6)
    np.testing.assert_allclose(
        model.word_probabilities(), torch.softmax(weights + bias[:, None], dim=0).numpy(), rtol=1e-4
    )


@pytest.mark.parametrize("objective", ["topics", "elbo"])
def test_losses_are_the_dense_formula(objective: str) -> None:
    settings = dataclasses.replace(SMALL, objective=objective)
    bag = planted.corpus(50, 2)[0]
    network, batch = network_of(settings).eval(), Batch.of(bag, CPU)
    counts = torch.from_numpy(jobs.dense(bag))
    with torch.no_grad():
        losses = network(batch, generator(), 0.25)
        mean, log_variance = network.encode(batch)
        weights, bias = network.decoder.scaled()
        noise = torch.randn(mean.shape, generator=generator())
        posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
        theta = torch.softmax(mean + noise * posterior.scale, dim=1)
        expected = -(counts * torch.log_softmax(theta @ weights.T + bias, dim=1)).sum(1)
        prior = torch.distributions.Normal(0.0, settings.objective_settings.prior_variance**0.5)
        divergence = torch.distributions.kl_divergence(posterior, prior).sum(1)
    torch.testing.assert_close(losses.theta, theta)
    torch.testing.assert_close(losses.reconstruction, expected, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(losses.divergence, divergence, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(losses.bound, (expected + 0.25 * divergence).sum(), rtol=1e-4, atol=1e-3)


def test_decoder_logits_have_variance_one_over_the_batch() -> None:
    network = network_of(SMALL)
    with torch.no_grad():
        network.decoder.weight.mul_(100)
        theta = torch.softmax(torch.randn(400, planted.TOPICS), dim=1)
        weights, bias = network.decoder.scaled(theta)
        logits = theta @ weights.T + bias
    torch.testing.assert_close(logits.var(0, correction=0), torch.ones(planted.FEATURE_DIM), rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(logits.mean(0), network.decoder.bias.detach(), rtol=1e-4, atol=1e-4)


def test_words_are_dropped_in_training_only_and_never_all_of_a_document() -> None:
    bag = planted.bag_of([[0], [1, 2, 3]], planted.FEATURE_DIM)
    network, batch = network_of(SMALL), Batch.of(bag, CPU)
    with torch.no_grad():
        whole = network.words(batch, 0.0, generator())
        network.eval()
        torch.testing.assert_close(network.words(batch, 0.5, generator()), whole)
        network.train()
        draws = torch.Generator().manual_seed(1)
        seen = torch.stack([network.words(batch, 0.5, draws) for _ in range(50)])
    # The document of one word is seen whole each time; of the other's words, each part that is not empty.
    torch.testing.assert_close(seen[:, 0], whole[0].expand_as(seen[:, 0]))
    assert len(seen[:, 1].round(decimals=4).unique(dim=0)) == 7


def test_dropping_topics_leaves_the_others_as_they_are() -> None:
    batch = Batch.of(planted.corpus(50, 3)[0], CPU)
    old, new = network_of(SMALL, 8), network_of(SMALL, 3)
    old(batch, generator())
    kept = torch.tensor([1, 4, 6])
    new.load_state_dict({name: select_topics(name, tensor, kept) for name, tensor in old.state_dict().items()})
    old.eval(), new.eval()
    with torch.no_grad():
        for found, expected in zip(new.encode(batch), old.encode(batch), strict=True):
            torch.testing.assert_close(found, expected[:, kept])
    torch.testing.assert_close(new.decoder.weight, old.decoder.weight[:, kept])
