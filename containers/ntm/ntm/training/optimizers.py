"""Optimizers of the built-in NTM, and the learning-rate schedule."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adadelta import adadelta
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from ntm.common.hyperparameters import Hyperparameters
from ntm.network.layers import gradient_of

_WARM_UP = 0.1

# State of each optimizer per parameter.
_MOMENTS: Mapping[str, tuple[str, ...]] = {
    "sgd": (),
    "adam": ("mean", "square"),
    "adagrad": ("square",),
    "rmsprop": ("square",),
    "adadelta": ("square", "square_of_steps"),
}
# Computed by PyTorch for many tensors in one call.
_FUSED = frozenset({"sgd", "adam"})


class Optimizer:
    """Optimizer of a training job, with PyTorch's arithmetic.

    A network has a dozen small tensors. For optimizers without a fused implementation, they are views of one vector, so
    each operation runs once.
    """

    def __init__(self, network: nn.Module, hyperparameters: Hyperparameters) -> None:
        """Optimize the network's parameters, which keep their values."""
        self._parameters = dict(network.named_parameters())
        self._values: list[Tensor] = list(self._parameters.values())
        self._gradients: list[Tensor] = [gradient_of(parameter) for parameter in self._parameters.values()]
        if hyperparameters.optimizer not in _FUSED:
            self._values, self._gradients = map(_one_vector, (self._values, self._gradients))
            values, gradients = self._by_name(self._values), self._by_name(self._gradients)
            for name, parameter in self._parameters.items():
                parameter.data, parameter.grad = values[name], gradients[name]
        moments = _MOMENTS[hyperparameters.optimizer]
        self._moments = {moment: [torch.zeros_like(values) for values in self._values] for moment in moments}
        self._steps = [torch.zeros((), device=values.device) for values in self._values]
        self._hyperparameters = hyperparameters

    def step(self, rate: float = 1.0) -> None:
        """Take a step against the parameters' gradients.

        As in MXNet, gradients are multiplied by ``rescale_gradient`` and then clipped element-wise by
        ``clip_gradient``.

        Args:
            rate: Factor of the learning rate; for Adadelta, which has none, factor of the step.
        """
        settings = self._hyperparameters
        for gradient in self._gradients:
            if settings.rescale_gradient != 1:
                gradient.mul_(settings.rescale_gradient)
            if not math.isinf(settings.clip_gradient):
                gradient.clamp_(-settings.clip_gradient, settings.clip_gradient)
        self._update(rate)

    def keep(self, other: "Optimizer", select: Callable[[str, Tensor], Tensor]) -> None:
        """Copy the state of a larger network's optimizer; ``select`` reduces its tensors to the remaining topics."""
        for steps, known in zip(self._steps, other._steps, strict=True):
            steps.copy_(known)
        for moment, values in self._moments.items():
            known_values = other._by_name(other._moments[moment])
            for name, view in self._by_name(values).items():
                view.copy_(select(name, known_values[name]))

    def state(self) -> dict[str, Any]:
        """Return the optimizer's state."""
        return {"steps": self._steps, **self._moments}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        for name, kept in self.state().items():
            for tensor, value in zip(kept, state[name], strict=True):
                tensor.copy_(value)

    def _update(self, rate: float) -> None:
        settings, steps = self._hyperparameters, self._steps
        values, gradients = self._values, self._gradients
        # Adadelta as published (Zeiler, arXiv 1212.5701), and as in MXNet, has no learning rate.
        rate *= 1.0 if settings.optimizer == "adadelta" else settings.learning_rate
        options: dict[str, Any] = {"lr": rate, "weight_decay": settings.weight_decay, "maximize": False}
        kept = list(self._moments.values())
        match settings.optimizer:
            case "sgd":
                options |= {"momentum": 0.0, "dampening": 0.0, "nesterov": False}
                sgd(values, gradients, [None] * len(values), fused=True, **options)
            case "adam":
                options |= {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "amsgrad": False}
                adam(values, gradients, kept[0], kept[1], [], steps, fused=True, **options)
            case "adagrad":
                adagrad(values, gradients, kept[0], steps, lr_decay=0.0, eps=1e-10, **options)
            case "rmsprop":
                options |= {"alpha": 0.9, "eps": 1e-8, "momentum": 0.0, "centered": False}
                rmsprop(values, gradients, kept[0], [], [], steps, **options)
            case _:
                adadelta(values, gradients, kept[0], kept[1], steps, rho=0.9, eps=1e-5, **options)

    def _by_name(self, tensors: list[Tensor]) -> dict[str, Tensor]:
        """Return the tensors by parameter name, given one tensor per parameter or a single vector for all."""
        if len(tensors) < len(self._parameters):
            parts = torch.split(tensors[0], [parameter.numel() for parameter in self._parameters.values()])
            shapes = (parameter.shape for parameter in self._parameters.values())
            tensors = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
        return dict(zip(self._parameters, tensors, strict=True))


def _one_vector(tensors: list[Tensor]) -> list[Tensor]:
    return [torch.cat([tensor.reshape(-1) for tensor in tensors])]


def annealing(progress: float) -> float:
    """Return the factor of the learning rate after a share of the steps: linear warm-up, then half a cosine."""
    return min(1.0, progress / _WARM_UP) * (1 + math.cos(math.pi * progress)) / 2
