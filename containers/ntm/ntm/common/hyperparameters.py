"""Hyperparameters of SageMaker's built-in NTM: the same names, ranges and defaults; and two of our own.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/ntm_hyperparameters.html
"""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ntm.common.errors import InputError
from ntm.common.objectives import OBJECTIVES, Objective

ACTIVATIONS = ("sigmoid", "tanh", "relu")
OPTIMIZERS = ("sgd", "adam", "adagrad", "adadelta", "rmsprop")

TUNING_OBJECTIVE = "_tuning_objective_metric"
"""SageMaker tells a tuning job's training jobs the metric that it tunes by, such as ``validation:total_loss``."""

# AWS's own clients send these beside the algorithm's; all but the first say nothing to it.
INTERNAL = frozenset({TUNING_OBJECTIVE, "_data_format", "_num_gpus", "_num_kv_servers", "_kvstore"})


# What the command line and the estimator take for what they are not told: good and fast for topics. A training
# job has the built-in's own defaults.
RECOMMENDED: Mapping[str, Any] = {
    "encoder_layers_activation": "relu",
    "epochs": 40,
    "learning_rate": 0.01,
    "optimizer": "adam",
}


@dataclass(frozen=True)
class _Kind:
    """How a value is read from text, and the sentence that says what is allowed."""

    allowed: str
    read: Callable[[str], Any]


def _integer(low: int, high: float = math.inf) -> _Kind:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return _Kind(f"an integer, {_interval(low, high)}", read)


def _number(low: float, high: float) -> _Kind:
    def read(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return _Kind(f"a number, {_interval(low, high)}", read)


def _interval(low: float, high: float) -> str:
    return f"at least {low:g}" if math.isinf(high) else f"{low:.12g} to {high:.12g}"


def _choice(*names: str) -> _Kind:
    return _Kind("one of " + ", ".join(names), lambda text: names[names.index(text)])


def _flag() -> _Kind:
    return _Kind("true or false", lambda text: {"true": True, "false": False}[text.lower()])


def _layers() -> _Kind:
    width = _integer(1, 100_000)

    def read(text: str) -> tuple[int, ...] | None:
        return None if text == "auto" else tuple(width.read(part.strip()) for part in text.split(","))

    return _Kind("auto, or the layers' widths separated by commas, such as 100,50", read)


def _parameter(kind: _Kind, default: Any = dataclasses.MISSING, *, meaning: str) -> Any:
    return dataclasses.field(default=default, metadata={"kind": kind, "meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """What a training job may set.

    ``encoder_layers`` is None for ``auto``: what the objective says. ``batch_norm`` normalises the units of the hidden
    layers. ``mini_batch_size`` counts the documents of a step, on each host; ``tolerance`` is an absolute difference of
    the loss in nats a word. The built-in has no ``objective`` (``ntm.common.objectives``) and no ``seed``: the same
    seed gives the same model.
    """

    feature_dim: int = _parameter(_integer(1, 1_000_000), meaning="words in the vocabulary")
    num_topics: int = _parameter(_integer(2, 1000), meaning="topics to find")
    batch_norm: bool = _parameter(_flag(), False, meaning="normalise the hidden layers' units over the batch")
    clip_gradient: float = _parameter(_number(1e-3, math.inf), math.inf, meaning="largest number in a gradient")
    encoder_layers: tuple[int, ...] | None = _parameter(_layers(), None, meaning="hidden layers of the encoder")
    encoder_layers_activation: str = _parameter(
        _choice(*ACTIVATIONS), "sigmoid", meaning="function after a hidden layer"
    )
    epochs: int = _parameter(_integer(1), 50, meaning="most passes over the documents")
    learning_rate: float = _parameter(_number(1e-6, 1.0), 0.001, meaning="size of a step; adadelta has none")
    mini_batch_size: int = _parameter(_integer(1, 10_000), 256, meaning="documents a step, on each host")
    num_patience_epochs: int = _parameter(_integer(1), 3, meaning="bad epochs in a row that do not end training")
    optimizer: str = _parameter(_choice(*OPTIMIZERS), "adadelta", meaning="how the gradient becomes a step")
    rescale_gradient: float = _parameter(
        _number(1e-3, 1.0), 1.0, meaning="factor of gradients, before they are clipped"
    )
    sub_sample: float = _parameter(_number(0.0, 1.0), 1.0, meaning="share of the documents that an epoch goes over")
    tolerance: float = _parameter(
        _number(1e-6, 0.1),
        0.001,
        meaning="least fall of the loss in an epoch that is not bad",
    )
    weight_decay: float = _parameter(_number(0.0, 1.0), 0.0, meaning="factor of the L2 penalty")
    objective: str = _parameter(
        _choice(*OBJECTIVES),
        "topics",
        meaning="coherent topics, or the likelihood bound alone",
    )
    seed: int = _parameter(_integer(0, 2**32 - 1), 0, meaning="the same one gives the same model")

    @property
    def objective_settings(self) -> Objective:
        """What ``objective`` stands for."""
        return OBJECTIVES[self.objective]

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """The widths of the encoder's hidden layers."""
        return self.encoder_layers or self.objective_settings.auto_layers(self.num_topics)

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> "Hyperparameters":
        """Read the hyperparameters of a training job; SageMaker hands all of them over as text.

        Raises:
            InputError: a required one is missing, a name is unknown or a value is not allowed. The message
                names every such hyperparameter, its value and what is allowed.
        """
        kinds: dict[str, _Kind] = {field.name: field.metadata["kind"] for field in dataclasses.fields(cls)}
        parsed: dict[str, Any] = {}
        wrong: list[str] = []
        for name, value in values.items():
            if name in INTERNAL:
                continue
            if name not in kinds:
                wrong.append(f"{name} is not a hyperparameter; those are {', '.join(kinds)}")
                continue
            try:
                parsed[name] = kinds[name].read(str(value).strip())
            except (ValueError, KeyError):
                wrong.append(f"{name} is {str(value)!r}; allowed: {kinds[name].allowed}")
        wrong += [
            f"{field.name} is missing; it is required: {kinds[field.name].allowed}"
            for field in dataclasses.fields(cls)
            if field.default is dataclasses.MISSING and field.name not in values
        ]
        if wrong:
            raise InputError("Hyperparameters: " + ". ".join(wrong) + ".")
        return cls(**parsed)
