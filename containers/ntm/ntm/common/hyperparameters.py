"""Hyperparameters of SageMaker's built-in NTM, with its names, ranges and defaults, plus ``objective`` and ``seed``.

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
"""Hyperparameter that names the objective metric of the tuning job that started a training job."""

# AWS's own clients also send these; all but the first are ignored.
INTERNAL = frozenset({TUNING_OBJECTIVE, "_data_format", "_num_gpus", "_num_kv_servers", "_kvstore"})


# Defaults of the command line and the estimator, chosen for good topics and speed. Training jobs use the built-in's
# defaults.
RECOMMENDED: Mapping[str, Any] = {
    "encoder_layers_activation": "relu",
    "epochs": 40,
    "learning_rate": 0.01,
    "optimizer": "adam",
}


@dataclass(frozen=True)
class _Kind:
    """Parser of a value and a description of the allowed values."""

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
    """Hyperparameters of a training job.

    ``encoder_layers`` is None for ``auto``, which leaves the widths to the objective. ``batch_norm`` applies to the
    hidden layers of the encoder. ``mini_batch_size`` is the number of documents per step and host. ``tolerance`` is an
    absolute difference of the loss in nats per word. ``objective`` (see ``ntm.common.objectives``) and ``seed`` do not
    exist in the built-in.
    """

    feature_dim: int = _parameter(_integer(1, 1_000_000), meaning="words in the vocabulary")
    num_topics: int = _parameter(_integer(2, 1000), meaning="topics to find")
    batch_norm: bool = _parameter(_flag(), False, meaning="batch normalisation of the hidden layers")
    clip_gradient: float = _parameter(
        _number(1e-3, math.inf), math.inf, meaning="maximum absolute value of a gradient element"
    )
    encoder_layers: tuple[int, ...] | None = _parameter(
        _layers(), None, meaning="widths of the encoder's hidden layers"
    )
    encoder_layers_activation: str = _parameter(
        _choice(*ACTIVATIONS), "sigmoid", meaning="activation function of the hidden layers"
    )
    epochs: int = _parameter(_integer(1), 50, meaning="maximum number of passes over the documents")
    learning_rate: float = _parameter(_number(1e-6, 1.0), 0.001, meaning="learning rate, ignored by adadelta")
    mini_batch_size: int = _parameter(_integer(1, 10_000), 256, meaning="documents per step and host")
    num_patience_epochs: int = _parameter(_integer(1), 3, meaning="epochs without improvement before training stops")
    optimizer: str = _parameter(_choice(*OPTIMIZERS), "adadelta", meaning="optimizer")
    rescale_gradient: float = _parameter(_number(1e-3, 1.0), 1.0, meaning="factor applied to gradients before clipping")
    sub_sample: float = _parameter(_number(0.0, 1.0), 1.0, meaning="share of the documents used in each epoch")
    tolerance: float = _parameter(
        _number(1e-6, 0.1),
        0.001,
        meaning="minimum decrease of the loss that counts as improvement",
    )
    weight_decay: float = _parameter(_number(0.0, 1.0), 0.0, meaning="weight of the L2 penalty")
    objective: str = _parameter(
        _choice(*OBJECTIVES),
        "topics",
        meaning="training objective: coherent topics, or the evidence lower bound alone",
    )
    seed: int = _parameter(_integer(0, 2**32 - 1), 0, meaning="random seed; the same seed gives the same model")

    @property
    def objective_settings(self) -> Objective:
        """Settings of the chosen ``objective``."""
        return OBJECTIVES[self.objective]

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """Widths of the encoder's hidden layers."""
        return self.encoder_layers or self.objective_settings.auto_layers(self.num_topics)

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> "Hyperparameters":
        """Parse the hyperparameters of a training job; SageMaker passes all values as text.

        Raises:
            InputError: A hyperparameter is missing, unknown or not allowed. The message lists every error with the
                value and the allowed values.
        """
        kinds: dict[str, _Kind] = {field.name: field.metadata["kind"] for field in dataclasses.fields(cls)}
        parsed: dict[str, Any] = {}
        wrong: list[str] = []
        for name, value in values.items():
            if name in INTERNAL:
                continue
            if name not in kinds:
                wrong.append(f"{name} is not a hyperparameter; allowed: {', '.join(kinds)}")
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
