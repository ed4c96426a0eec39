import re

import pytest

from localcloud.core.role_sessions import RoleSession
from localcloud.services.sagemaker.training.built_in import built_in_definitions
from localcloud.services.sagemaker.training.metrics import MetricRecorder, _values

ROLE = "arn:aws:iam::123456789012:role/worker"


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
def test_metrics_of_the_built_in_ntm_are_found_in_its_log(name: str, line: str, value: float) -> None:
    prefixed = f"[02/10/2020 18:04:21 INFO 139709] {line}"
    definitions = built_in_definitions("382416733822.dkr.ecr.us-east-1.amazonaws.com/ntm:1", ROLE)
    found = {definition["Name"]: _values(re.compile(definition["Regex"]), prefixed) for definition in definitions}
    assert {key: values for key, values in found.items() if values} == {name: [value]}


@pytest.mark.parametrize(
    "image",
    [
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/ntm:1",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
    ],
)
def test_other_images_have_no_metrics_of_their_own(image: str) -> None:
    assert built_in_definitions(image, ROLE) == []


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "high", ""])
def test_only_numbers_are_metric_values(text: str) -> None:
    assert _values(re.compile(r"loss=(\S*)"), f"loss={text}") == []


def test_each_value_has_the_epoch_of_its_line() -> None:
    told: list[tuple[str, int | None, float]] = []
    recorder = MetricRecorder([], RoleSession("", "", "", "", ""), lambda *metric: told.append(metric))
    recorder._patterns = [("loss", re.compile("loss=(.*)"))]
    recorder.read(["epoch=3, loss=1.5", "no metric, epoch=4", "loss=2"], "job/algo-1")
    assert told == [("loss", 3, 1.5), ("loss", None, 2.0)]
    assert [(metric["MetricName"], metric["Value"]) for metric in recorder.final] == [("loss", 2.0)]
