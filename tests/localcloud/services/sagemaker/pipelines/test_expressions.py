from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.services.sagemaker.pipelines.expressions import (
    ExpressionError,
    ParameterError,
    PropertyFile,
    bind_parameters,
    evaluate,
    referenced_steps,
)

EVALUATION = {"metrics": {"npmi": 0.25, "a.b": [1, {"c": 2}]}, "gate": {"reason": "too low"}}
DOCUMENTS = {"s3://b/evaluation.json": EVALUATION, "s3://b/list.json": [3, 4]}
SCOPE: dict[str, Any] = {
    "Parameters": {"NumTopics": 20, "CorpusUri": "s3://b/x.csv", "Flag": True},
    "Execution": {"PipelineExecutionId": "abc"},
    "Steps": {
        "Train": {"Outputs": [{"a.b": 1}, 2], "ModelArtifacts": {"S3ModelArtifacts": "s3://m"}},
        "Evaluate": {"PropertyFiles": {"Report": PropertyFile("Evaluate", "Report", "s3://b/evaluation.json")}},
    },
    "Documents": DOCUMENTS.__getitem__,
}
NAMES = st.text(st.characters(categories=["L", "N"], include_characters="-_"), min_size=1)


def _json_get(path: Any, **source: Any) -> dict[str, Any]:
    return {"Std:JsonGet": {**(source or {"PropertyFile": REPORT}), "Path": path}}


REPORT = {"Get": "Steps.Evaluate.PropertyFiles.Report"}


def _is_plain(key: str) -> bool:
    return key != "Get" and not key.startswith("Std:")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(_is_plain), inner),
)


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"Get": "Parameters.NumTopics"}, 20),
        ({"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}, "s3://m"),
        ({"Get": "Steps.Train.Outputs[0]['a.b']"}, 1),
        ({"Get": 'Steps.Train.Outputs[0]["a.b"]'}, 1),
        ({"Get": "Steps.Train.Outputs[1]"}, 2),
        (
            {"Std:Join": {"On": "/", "Values": ["s3://b", {"Get": "Execution.PipelineExecutionId"}, 7]}},
            "s3://b/abc/7",
        ),
        ({"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Flag"}]}}, "true"),
        ({"a": [{"b": {"Get": "Parameters.CorpusUri"}}, 1]}, {"a": [{"b": "s3://b/x.csv"}, 1]}),
        (
            {"Std:Join": {"On": "-", "Values": [{"Std:Join": {"On": "", "Values": ["x", "y"]}}, "z"]}},
            "xy-z",
        ),
    ],
)
def test_references_resolve_to_their_values(value: Any, result: Any) -> None:
    assert evaluate(value, SCOPE) == result


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"Get": "Parameters.Nothing"}, "refers to 'Nothing'"),
        ({"Get": "Steps.Train.Outputs[5]"}, "refers to '5'"),
        ({"Get": "Steps.Train.Outputs['x']"}, "refers to 'x'"),
        ({"Get": "Steps.Train..x"}, "not a reference"),
        ({"Std:Hash": {}}, "Std:Hash is not supported"),
    ],
)
def test_invalid_reference_is_named(value: Any, complaint: str) -> None:
    with pytest.raises(ExpressionError, match=complaint):
        evaluate(value, SCOPE)


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (_json_get("metrics.npmi"), 0.25),
        (_json_get("$.metrics.npmi"), 0.25),
        (_json_get("metrics['a.b'][1].c"), 2),
        (_json_get("$"), EVALUATION),
        (_json_get("[1]", S3Uri="s3://b/list.json"), 4),
        (_json_get("[0]", S3Uri={"Std:Join": {"On": "/", "Values": ["s3://b", "list.json"]}}), 3),
        ({"Std:Join": {"On": " ", "Values": [_json_get("gate.reason"), "See"]}}, "too low See"),
    ],
)
def test_property_files_are_read(value: Any, result: Any) -> None:
    assert evaluate(value, SCOPE) == result


def test_missing_path_of_a_property_file_is_named() -> None:
    with pytest.raises(
        ExpressionError, match=r"^ClientError: Property file Report of step Evaluate has no metrics\.c_v\.$"
    ):
        evaluate(_json_get("metrics.c_v"), SCOPE)
    with pytest.raises(ExpressionError, match=r"^ClientError: s3://b/list.json has no \[2\].$"):
        evaluate(_json_get("[2]", S3Uri="s3://b/list.json"), SCOPE)
    with pytest.raises(ExpressionError, match="names neither a PropertyFile nor an S3Uri"):
        evaluate(_json_get("x", Other="s3://b/list.json"), SCOPE)


@given(PLAIN)
def test_plain_values_are_unchanged(value: Any) -> None:
    assert evaluate(value, {}) == value


@given(st.lists(NAMES, min_size=1, max_size=5), PLAIN)
def test_any_path_selects_its_value(names: list[str], value: Any) -> None:
    scope: Any = value
    for name in reversed(names):
        scope = {name: scope}
    path = "".join(f"['{name}']" for name in names)
    assert evaluate({"Get": path}, scope) == value


def test_steps_that_a_value_refers_to_are_found() -> None:
    value = {
        "a": [{"Get": "Steps.One.x"}],
        "b": {"Std:Join": {"On": "", "Values": [{"Get": "Steps.Two['y']"}, {"Get": "Parameters.Three"}]}},
        "c": _json_get("x"),
    }
    assert set(referenced_steps(value)) == {"One", "Two", "Evaluate"}


DECLARED: list[dict[str, Any]] = [
    {"Name": "Text", "Type": "String"},
    {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
    {"Name": "Rate", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "Flag", "Type": "Boolean", "DefaultValue": False},
    {"Name": "Choice", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
]


def _bind(**values: str) -> dict[str, Any]:
    return bind_parameters(DECLARED, [{"Name": name, "Value": value} for name, value in values.items()])


def test_parameters_have_their_types_and_defaults() -> None:
    assert _bind(Text="x") == {"Text": "x", "Count": 3, "Rate": 0.5, "Flag": False, "Choice": "a"}
    given_all = _bind(Text="x", Count="-4", Rate="1e-3", Flag="True", Choice="b")
    assert given_all == {"Text": "x", "Count": -4, "Rate": 0.001, "Flag": True, "Choice": "b"}


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, "need a value: Text"),
        ({"Text": ""}, "'Text' has the value ''"),
        ({"Text": "x", "Count": "1.5"}, "'Count' has the value '1.5', which is not of type Integer"),
        ({"Text": "x", "Flag": "yes"}, "not of type Boolean"),
        ({"Text": "x", "Choice": "c"}, "allowed are a, b"),
        ({"Text": "x", "Other": "1"}, "Unknown parameter 'Other'"),
    ],
)
def test_invalid_parameters_are_refused(values: dict[str, str], complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        _bind(**values)


@given(st.integers())
def test_integers_stay_integers(number: int) -> None:
    assert _bind(Text="x", Count=str(number))["Count"] == number
