"""The optimizers of the built-in, and the learning rate over a training job."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from ntm.hyperparameters import Hyperparameters

_WARM_UP = 0.1


def make_optimizer(parameters: Iterable[nn.Parameter], hyperparameters: Hyperparameters) -> torch.optim.Optimizer:
    """Return the optimizer that a job asks for."""
    rate, decay = hyperparameters.learning_rate, hyperparameters.weight_decay
    match hyperparameters.optimizer:
        case "sgd":
            return torch.optim.SGD(parameters, lr=rate, weight_decay=decay)
        case "adam":
            return torch.optim.Adam(parameters, lr=rate, weight_decay=decay, fused=True)
        case "adagrad":
            return torch.optim.Adagrad(parameters, lr=rate, weight_decay=decay)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=rate, alpha=0.9, eps=1e-8, weight_decay=decay)
        case _:
            # As published (Zeiler, arXiv 1212.5701) and as in MXNet, Adadelta has no learning rate.
            return torch.optim.Adadelta(parameters, lr=1.0, rho=0.9, eps=1e-5, weight_decay=decay)


def annealing(progress: float) -> float:
    """Return the part of the learning rate that counts, given the part of the steps that is done: up, then down."""
    return min(1.0, progress / _WARM_UP) * (1 + math.cos(math.pi * progress)) / 2


def shape_gradients(parameters: Iterable[nn.Parameter], scale: float, limit: float) -> None:
    """Multiply gradients by ``rescale_gradient``, then clip each of their numbers by ``clip_gradient``, as MXNet."""
    if scale == 1 and math.isinf(limit):
        return
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.mul_(scale).clamp_(-limit, limit)
