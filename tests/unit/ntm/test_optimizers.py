import dataclasses
import math

import pytest
import torch
from torch import nn

from ntm.hyperparameters import OPTIMIZERS, Hyperparameters
from ntm.optimizers import annealing, make_optimizer, shape_gradients


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_goes_downhill_and_decays(name: str) -> None:
    settings = Hyperparameters(feature_dim=1, num_topics=2, optimizer=name, learning_rate=0.1)
    moved = []
    for decay in (0.0, 1.0):
        parameter = nn.Parameter(torch.tensor([3.0]))
        optimizer = make_optimizer([parameter], dataclasses.replace(settings, weight_decay=decay))
        for _ in range(3):
            optimizer.zero_grad()
            (parameter**2).sum().backward()
            optimizer.step()
        moved.append(3 - parameter.item())
    assert moved[0] > 0
    # All but SGD divide by the size of the gradient, of which the decay is a part.
    assert moved[1] > moved[0] if name == "sgd" else moved[1] >= 0.9 * moved[0]


def test_the_learning_rate_goes_up_and_then_down_to_nothing() -> None:
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
    used, unused = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
    used.grad = torch.tensor([-4.0, 1.0])
    shape_gradients([used, unused], scale, limit)
    assert used.grad.tolist() == expected
