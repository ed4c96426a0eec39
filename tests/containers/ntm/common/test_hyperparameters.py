import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm.common.errors import InputError
from ntm.common.hyperparameters import INTERNAL, Hyperparameters
from ntm.common.objectives import TOPICS

REQUIRED = {"feature_dim": "2000", "num_topics": "20"}


def test_defaults_are_those_of_the_built_in() -> None:
    assert dataclasses.asdict(Hyperparameters.parse(REQUIRED)) == {
        "feature_dim": 2000,
        "num_topics": 20,
        "batch_norm": False,
        "clip_gradient": math.inf,
        "encoder_layers": None,
        "encoder_layers_activation": "sigmoid",
        "epochs": 50,
        "learning_rate": 0.001,
        "mini_batch_size": 256,
        "num_patience_epochs": 3,
        "optimizer": "adadelta",
        "rescale_gradient": 1.0,
        "sub_sample": 1.0,
        "tolerance": 0.001,
        "weight_decay": 0.0,
        "objective": "topics",
        "seed": 0,
    }


def test_encoder_layers_auto_depends_on_the_objective() -> None:
    built_in = REQUIRED | {"objective": "elbo"}
    assert Hyperparameters.parse(built_in).hidden_sizes == (60, 40)
    assert Hyperparameters.parse(built_in | {"encoder_layers": "auto"}).hidden_sizes == (60, 40)
    assert Hyperparameters.parse(built_in | {"encoder_layers": "100, 50,25"}).hidden_sizes == (100, 50, 25)
    assert Hyperparameters.parse(REQUIRED).hidden_sizes == TOPICS.auto_layers(20)


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("feature_dim", ["1", "1000000"], ["0", "1000001", "-1", "2.5", "", "many", "1_0", "0x10", "9" * 5000]),
        ("num_topics", ["2", "1000"], ["1", "1001"]),
        ("batch_norm", ["true", "false", "True"], ["1", "yes", ""]),
        ("clip_gradient", ["0.001", "Inf", "inf", "1e30"], ["0.0009", "-1", "nan"]),
        ("encoder_layers", ["auto", "1", "100,50"], ["0", "100,,50", "100 50", "", "-3", "a"]),
        ("encoder_layers_activation", ["sigmoid", "tanh", "relu"], ["gelu", "Sigmoid", ""]),
        ("epochs", ["1", "100", "500"], ["0", "-1", "1.5"]),
        ("learning_rate", ["1e-6", "1", "0.002"], ["9e-7", "1.0001", "nan", "inf"]),
        ("mini_batch_size", ["1", "10000"], ["0", "10001"]),
        ("num_patience_epochs", ["1", "10"], ["0"]),
        ("optimizer", ["sgd", "adam", "adagrad", "adadelta", "rmsprop"], ["Adam", "lion"]),
        ("rescale_gradient", ["0.001", "1"], ["0.0009", "1.1"]),
        ("sub_sample", ["0", "1"], ["-0.1", "1.1"]),
        ("tolerance", ["1e-6", "0.1"], ["9e-7", "0.11"]),
        ("weight_decay", ["0", "1"], ["-1e-9", "1.01"]),
        ("objective", ["topics", "elbo"], ["nvdm", ""]),
        ("seed", ["0", "4294967295"], ["-1", "4294967296", "1.5"]),
    ],
)
def test_ranges(name: str, allowed: list[str], refused: list[str]) -> None:
    for value in allowed:
        Hyperparameters.parse(REQUIRED | {name: value})
    for value in refused:
        with pytest.raises(InputError, match=f"{name} is .*allowed: ") as error:
            Hyperparameters.parse(REQUIRED | {name: value})
        assert repr(value) in str(error.value)


def test_all_errors_are_reported_at_once() -> None:
    with pytest.raises(InputError) as error:
        Hyperparameters.parse({"num_topics": "1", "epochs": "none", "momentum": "0.9"})
    assert str(error.value).startswith(
        "Hyperparameters: num_topics is '1'; allowed: an integer, 2 to 1000. "
        "epochs is 'none'; allowed: an integer, at least 1. "
        "momentum is not a hyperparameter; allowed: feature_dim, num_topics, "
    )
    assert str(error.value).endswith("feature_dim is missing; it is required: an integer, 1 to 1000000.")


def test_hyperparameters_added_by_aws_clients_are_ignored() -> None:
    assert Hyperparameters.parse(REQUIRED | dict.fromkeys(INTERNAL, "x")) == Hyperparameters.parse(REQUIRED)


@given(
    st.fixed_dictionaries(
        {
            "feature_dim": st.integers(1, 1_000_000),
            "num_topics": st.integers(2, 1000),
            "learning_rate": st.floats(1e-6, 1),
            "clip_gradient": st.floats(1e-3, math.inf),
            "mini_batch_size": st.integers(1, 10_000),
            "weight_decay": st.floats(0, 1),
        }
    )
)
def test_values_survive_a_round_trip_through_text(values: dict[str, float]) -> None:
    parsed = dataclasses.asdict(Hyperparameters.parse({name: str(value) for name, value in values.items()}))
    assert {name: parsed[name] for name in values} == values


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=4))
def test_any_text_is_parsed_or_rejected_with_a_reason(values: dict[str, str]) -> None:
    with pytest.raises(InputError):
        Hyperparameters.parse(values)
