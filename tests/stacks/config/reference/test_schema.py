"""Agreement of the JSON Schema with the model, as far as a schema can express it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from pydantic import ValidationError

from constructs.common.instance_types import has_gpu, hosting_instance_types, is_arm, training_instance_types
from stacks.config.environment import EnvironmentConfig
from stacks.config.reference.environments_md import SCHEMA
from stacks.config.reference.schema import environment_schema

ROOT = Path(__file__).parents[4]
FILES = sorted((ROOT / "environments").glob("*.yaml"))

_SCHEMA = environment_schema()
_VALIDATOR = Draft7Validator(_SCHEMA)
_PROPERTIES = _SCHEMA["properties"]
# Only the model checks conflicts between keys. These errors concern lists that the schema has too.
_LISTED = (
    "SageMaker has no such region",
    "no such instance type",
    "its processor is an Arm one",
    "autoscaling does not",
)


def test_the_schema_is_a_valid_json_schema() -> None:
    Draft7Validator.check_schema(_SCHEMA)
    assert json.loads(SCHEMA.read_text()) == _SCHEMA


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_shipped_files_refer_to_the_schema_and_follow_it(file: Path) -> None:
    text = file.read_text()
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    assert [error.message for error in _VALIDATOR.iter_errors(yaml.safe_load(text))] == []


def test_enumerable_values_are_listed() -> None:
    assert {"us-east-1", "cn-north-1"} <= set(_PROPERTIES["region"]["enum"])
    assert _PROPERTIES["log_retention_days"]["enum"][:3] == [1, 3, 5]
    trains = _PROPERTIES["training"]["properties"]["instance_type"]["enum"]
    assert set(trains) == {name for name in training_instance_types() if not is_arm(name)}
    assert any(not has_gpu(name) for name in trains)
    serves = _PROPERTIES["serving"]["properties"]["instance_type"]["enum"]
    assert set(serves) == {one for one in hosting_instance_types() if not is_arm(one) and not one.startswith("ml.t2.")}
    assert _PROPERTIES["preprocessing"]["properties"]["memory_mb"] | {"description": ""} == {
        "default": 3008,
        "description": "",
        "maximum": 10_240,
        "minimum": 128,
        "type": "integer",
    }


_WRONG = st.sampled_from([None, True, -1, 0, 3, 1.5, 10**10, "", "text", "3", [], ["text", "text"], {}, {"unknown": 1}])


def _values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return a strategy of mostly valid values, some just outside the limits and some of another type."""
    return st.one_of(_fitting(schema), _fitting(schema), _fitting(schema), _beyond(schema), _WRONG)


def _fitting(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "anyOf" in schema:
        return st.one_of([_fitting(one) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", 0), schema.get("maximum", 10**6))
        case "number":
            least = schema.get("minimum", schema.get("exclusiveMinimum", -1e6))
            greatest = schema.get("maximum", schema.get("exclusiveMaximum", 1e6))
            return st.floats(least, greatest)
        case "string":
            return st.from_regex(schema["pattern"].removesuffix("$") + r"\Z") if "pattern" in schema else st.text()
        case "array":
            return st.lists(_values(schema["items"]), max_size=3)
        case "object":
            keys = {name: _values(one) for name, one in schema.get("properties", {}).items()}
            needed = {name: keys.pop(name) for name in schema.get("required", [])}
            return st.fixed_dictionaries(needed, optional=keys)
        case other:
            raise AssertionError(other)


def _beyond(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    limits = {
        key: schema[key] for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum") if key in schema
    }
    return (
        st.sampled_from([limit + step for limit in limits.values() for step in (-1, 0, 1)]) if limits else st.nothing()
    )


# Tag names are free, and the test below generates them.
_KEYS = {name: _values(one) for name, one in _PROPERTIES.items() if name != "tags"}


@st.composite
def _environments(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(sorted(_KEYS)), max_size=3, unique=True))
    return {"region": "us-east-1", **{name: draw(_KEYS[name]) for name in names}}


@given(_environments())
def test_schema_and_model_agree(values: dict[str, Any]) -> None:
    allowed = _VALIDATOR.is_valid(values)
    try:
        EnvironmentConfig.model_validate(values)
    except ValidationError as error:
        # If the schema accepts the values, only conflicts between keys may remain for synth.
        left = [one for one in error.errors() if one["type"] != "refused" or one["msg"].startswith(_LISTED)]
        assert not (allowed and left)
    else:
        # The schema must not reject what synth accepts.
        assert allowed, [found.message for found in _VALIDATOR.iter_errors(values)]


@pytest.mark.parametrize(
    ("tags", "fits"),
    [
        ({"cost-center": "42", "Größe": "groß"}, True),
        ({"AWS:x": "1"}, False),
        ({"x": "Aws:1"}, False),
        ({"Topicsmith:run": "x"}, False),
        ({"topicsmith:runs": "x"}, True),
        ({"x": "a" * 255}, True),
        ({"x": "a" * 256}, False),
        ({"Environment": "test"}, False),
        ({"project": "other"}, False),
        ({"projects": "a", "environments": "c"}, True),
        ({"cost-center": 42}, False),
        ({"": "x"}, False),
        ({str(number): "" for number in range(41)}, False),
    ],
)
def test_tags(tags: dict[str, Any], fits: bool) -> None:
    assert _VALIDATOR.is_valid({"region": "us-east-1", "tags": tags}) is fits
    try:
        EnvironmentConfig.model_validate({"region": "us-east-1", "tags": tags})
    except ValidationError:
        assert not fits
    else:
        assert fits


@pytest.mark.parametrize(
    "values", [{}, {"region": "us-east-1", "regoin": "x"}, {"region": "us-east-1", "gate": {"x": 1}}]
)
def test_missing_and_unknown_keys(values: dict[str, Any]) -> None:
    assert not _VALIDATOR.is_valid(values)
