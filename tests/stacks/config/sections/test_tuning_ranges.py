from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from constructs.pipeline.tuning_search import ListedValues, NumberRange
from stacks.config.sections.training import Hyperparameters, TrainingConfig
from stacks.config.sections.tuning_ranges import TuningRangesConfig


def _problems(**ranges: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as error:
        TuningRangesConfig.model_validate(ranges)
    return [(".".join(map(str, detail["loc"])), detail["msg"]) for detail in error.value.errors()]


def _accepted(name: str, value: Any) -> bool:
    section = TrainingConfig if name == "num_topics" else Hyperparameters
    try:
        section.model_validate({name: value})
    except ValidationError:
        return False
    return True


@given(
    name=st.sampled_from(["learning_rate", "rescale_gradient", "weight_decay"]),
    value=st.floats(-0.1, 1.1) | st.floats(0, 2e-3),
)
def test_a_number_out_of_ntms_range_is_refused(name: str, value: float) -> None:
    listed = {name: {"values": [value]}}
    if _accepted(name, value):
        assert TuningRangesConfig.model_validate(listed).to_ranges()[name] == ListedValues(values=[str(value)])
    else:
        assert [key for key, _ in _problems(**listed)] == [f"{name}.values.0"]
        assert f"{name}.min" in [key for key, _ in _problems(**{name: {"min": value, "max": 2.0}})]


@given(name=st.sampled_from(["mini_batch_size", "num_topics"]), least=st.integers(-1, 11_000))
def test_an_integer_out_of_ntms_range_is_refused(name: str, least: int) -> None:
    interval = {name: {"min": least, "max": least + 1}}
    if _accepted(name, least) and _accepted(name, least + 1):
        assert TuningRangesConfig.model_validate(interval).to_ranges()[name] == NumberRange(
            kind="Integer", least=str(least), greatest=str(least + 1), scaling="Auto"
        )
    else:
        assert {key for key, _ in _problems(**interval)} <= {f"{name}.min", f"{name}.max"}


@pytest.mark.parametrize(
    ("ranges", "key", "problem"),
    [
        ({"learning_rate": {"min": 0.5, "max": 0.1}}, "learning_rate.max", "it is not greater than min"),
        ({"learning_rate": {"min": 0.5, "max": 0.5}}, "learning_rate.max", "it is not greater than min"),
        ({"weight_decay": {"min": 0.0, "max": 0.5, "scaling": "log"}}, "weight_decay.scaling", "needs min above 0"),
        ({"weight_decay": {"min": 0.1, "max": 1.0, "scaling": "reverse_log"}}, "weight_decay.scaling", "below 1"),
        ({"num_topics": {"min": 5, "max": 9, "scaling": "reverse_log"}}, "num_topics.scaling", "below 1"),
        ({"learning_rate": {"min": 0.5}}, "learning_rate", "not a range"),
        ({"learning_rate": {"scaling": "log"}}, "learning_rate", "not a range"),
        ({"learning_rate": {"min": 0.1, "max": 0.5, "values": [0.3]}}, "learning_rate", "not a range"),
        ({"mini_batch_size": {"values": []}}, "mini_batch_size.values", "no value"),
        ({"mini_batch_size": {"values": [64, 64]}}, "mini_batch_size.values", "duplicate one"),
        ({"mini_batch_size": {"values": [64.5]}}, "mini_batch_size.values.0", "integer"),
        ({"learning_rate": {"values": ["0.1"]}}, "learning_rate.values.0", "number"),
        ({"optimizer": {"values": ["Adam"]}}, "optimizer.values.0", "adam"),
        ({"optimizer": {"values": ["adam", "adam"]}}, "optimizer.values", "duplicate one"),
        ({"optimizer": {"min": 1, "max": 2}}, "optimizer.values", "required"),
        ({"epochs": {"min": 1, "max": 2}}, "epochs", "not permitted"),
    ],
)
def test_invalid_ranges(ranges: dict[str, Any], key: str, problem: str) -> None:
    found = dict(_problems(**ranges))
    assert problem in found[key]


def test_at_least_one_hyperparameter_is_tuned() -> None:
    assert "nothing is tuned" in _problems(**dict.fromkeys(TuningRangesConfig.model_fields))[0][1]


@pytest.mark.parametrize(
    "written",
    [
        {"min": 0.001, "max": 0.1, "scaling": "log"},
        {"min": 0.001, "max": 0.1},
        {"values": [0.001, 0.1]},
    ],
)
def test_ranges_are_shown_in_yaml_notation(written: dict[str, Any]) -> None:
    shown = str(TuningRangesConfig.model_validate({"learning_rate": written}).learning_rate)
    assert shown == str(written).replace("'", "")
