import dataclasses
import math

import pytest
import torch
from torch import nn

from ntm.common.hyperparameters import OPTIMIZERS, Hyperparameters
from ntm.training.optimizers import Optimizer, annealing

SETTINGS = Hyperparameters(feature_dim=1, num_topics=2, learning_rate=0.1)


class Parameters(nn.Module):
    """Two parameters, one of them unused."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.used, self.unused = nn.Parameter(torch.tensor(values)), nn.Parameter(torch.ones(2, 3))

    def optimize(self, settings: Hyperparameters, gradients: list[list[float]]) -> list[float]:
        """Take one step per gradient and return the parameters."""
        optimizer = Optimizer(self.requires_grad_(False), settings)
        for gradient in gradients:
            assert self.used.grad is not None
            self.used.grad.copy_(torch.tensor(gradient))
            optimizer.step()
        values: list[float] = self.used.tolist()
        return values


_PEERS = {
    "sgd": lambda parameters, **options: torch.optim.SGD(parameters, lr=0.1, **options),
    "adam": lambda parameters, **options: torch.optim.Adam(parameters, lr=0.1, **options),
    "adagrad": lambda parameters, **options: torch.optim.Adagrad(parameters, lr=0.1, **options),
    "rmsprop": lambda parameters, **options: torch.optim.RMSprop(parameters, lr=0.1, alpha=0.9, **options),
    "adadelta": lambda parameters, **options: torch.optim.Adadelta(parameters, rho=0.9, eps=1e-5, **options),
}


@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_equals_pytorchs(name: str, decay: float) -> None:
    gradients = [[1.0, -2.0, 0.5], [0.5, 0.0, -3.0], [0.1, 0.2, 0.3]]
    ours, theirs = Parameters(3.0, -1.0, 2.0), Parameters(3.0, -1.0, 2.0)
    ours.optimize(dataclasses.replace(SETTINGS, optimizer=name, weight_decay=decay), gradients)
    peer = _PEERS[name](theirs.parameters(), weight_decay=decay)
    for gradient in gradients:
        theirs.used.grad, theirs.unused.grad = torch.tensor(gradient), torch.zeros(2, 3)
        peer.step()
    torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()))


def test_the_learning_rate_warms_up_and_then_falls_to_zero() -> None:
    rates = [annealing(progress / 100) for progress in range(101)]
    top = rates.index(max(rates))
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0)
    assert 0.95 < rates[top] <= 1
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


@pytest.mark.parametrize(
    ("scale", "limit", "expected"),
    [(1.0, math.inf, [-4.0, 1.0]), (0.5, math.inf, [-2.0, 0.5]), (0.5, 1.0, [-1.0, 0.5]), (1.0, 2.0, [-2.0, 1.0])],
)
def test_gradients_are_rescaled_and_then_clipped(scale: float, limit: float, expected: list[float]) -> None:
    settings = dataclasses.replace(SETTINGS, optimizer="sgd", learning_rate=1.0)
    settings = dataclasses.replace(settings, rescale_gradient=scale, clip_gradient=limit)
    assert Parameters(0.0, 0.0).optimize(settings, [[-4.0, 1.0]]) == [-number for number in expected]
