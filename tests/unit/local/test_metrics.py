import re

import pytest

from topicsmith.local.metrics import BUILT_IN_DEFINITIONS, _values


@pytest.mark.parametrize(
    ("name", "line", "value"),
    [
        ("train:total_loss", "#quality_metric: host=algo-1, epoch=1, train total_loss <loss>=7.0219", 7.0219),
        (
            "validation:total_loss",
            "#quality_metric: host=algo-1, epoch=73, validation total_loss <loss>=6.6641",
            6.6641,
        ),
        ("train:progress", "#progress_metric: host=algo-1, completed 1.0 % of epochs", 1.0),
        ("train:throughput", "#throughput_metric: host=algo-1, train throughput=3278.25 records/second", 3278.25),
    ],
)
def test_metrics_of_the_built_in_are_found_in_its_log(name: str, line: str, value: float) -> None:
    prefixed = f"[02/10/2020 18:04:21 INFO 139709] {line}"
    found = {
        definition["Name"]: _values(re.compile(definition["Regex"]), prefixed) for definition in BUILT_IN_DEFINITIONS
    }
    assert {key: values for key, values in found.items() if values} == {name: [value]}


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "high", ""])
def test_what_is_no_number_is_no_value(text: str) -> None:
    assert _values(re.compile(r"loss=(\S*)"), f"loss={text}") == []
