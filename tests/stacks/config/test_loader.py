import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stacks.config.environment import EnvironmentConfig
from stacks.config.loader import ConfigError, load_environment, load_environments
from stacks.config.reference.schema import environment_schema


def _errors(folder: Path, text: str) -> list[str]:
    folder = folder / "environments"
    folder.mkdir(exist_ok=True)
    file = folder / "dev.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_environments(folder)
    return str(error.value).splitlines()


def test_the_environments_of_the_project() -> None:
    environments = load_environments(Path(__file__).parents[3] / "environments")
    assert environments.keys() >= {"dev", "prod"}
    assert list(environments) == sorted(environments)
    assert environments["dev"].data.removal == "destroy"
    assert environments["prod"].production
    assert environments["prod"].promotion.source


def test_the_schema_file_is_not_an_environment(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text("region: us-east-1\n")
    (tmp_path / "schema.json").write_text("{}\n")
    assert list(load_environments(tmp_path)) == ["dev"]


def test_all_errors_of_a_file_are_reported_with_line_key_value_and_allowed_values(tmp_path: Path) -> None:
    assert _errors(
        tmp_path,
        """\
region: us-east-1
accuont: 5
account: 12
data:
  removal: keep
training:
  instance_type: ml.m5.large
  hyperparameters:
    learning_rate: 1e-7
serving:
  min_instances: 3
  max_instances: 2
preprocessing:
  text_columns:
    - title
    - 3
""",
    ) == [
        "environments/dev.yaml is invalid:",
        "  line 2, accuont: unknown key (did you mean account?); allowed: account, alarms, algorithm, budget, "
        "data, evaluation, gate, http_api, log_retention_days, network, notifications, permissions_boundary, "
        "preprocessing, production, "
        "promotion, region, retries, serving, tags, termination_protection, training, triggers, tuning, vectorize",
        "  line 3, account: YAML does not read 12 as text; put it in quotes",
        "  line 5, data.removal: 'keep': Input should be 'retain' or 'destroy'",
        "  line 7, training.instance_type: 'ml.m5.large': it has no GPU; allowed: for example ml.g5.xlarge, "
        "or any with training.allow_cpu: true",
        "  line 9, training.hyperparameters.learning_rate: 1e-07: Input should be greater than or equal to 0.000001",
        "  line 12, serving.max_instances: 2: below min_instances; allowed: 3 or more",
        "  line 16, preprocessing.text_columns.1: YAML does not read 3 as text; put it in quotes",
    ]


def test_conflicts_between_sections_are_reported_with_their_line(tmp_path: Path) -> None:
    assert _errors(
        tmp_path,
        """\
region: us-east-1
algorithm: builtin
tuning:
  strategy: grid
  max_jobs: 5
  ranges:
    mini_batch_size: {values: [64, 128]}
    optimizer: null
training:
  hyperparameters:
    learning_rate: 0.01
gate: {wetc: 0.1}
""",
    ) == [
        "environments/dev.yaml is invalid:",
        "  line 5, tuning.max_jobs: 5: strategy grid tries every combination, 6 here; allowed: no value",
        "  line 6, tuning.ranges.learning_rate: '{min: 0.0001, max: 0.1, scaling: log}': strategy grid needs a list "
        "of values; allowed: values, or null",
        "  line 6, tuning.ranges.rescale_gradient: '{min: 0.1, max: 1.0}': strategy grid needs a list of values; "
        "allowed: "
        "values, or null",
        "  line 6, tuning.ranges.weight_decay: '{min: 0.0, max: 1.0}': strategy grid needs a list of values; allowed: "
        "values, or null",
        "  line 11, training.hyperparameters.learning_rate: 0.01: it is tuned; allowed: no value, or "
        "tuning.ranges.learning_rate: null, or tuning.enabled: false",
        "  line 12, gate.wetc: 0.1: there are no word vectors; allowed: null, or evaluation.word_vectors",
    ]


@pytest.mark.parametrize("name", ["learning_rate", "num_topics"])
def test_an_unknown_key_in_a_range(tmp_path: Path, name: str) -> None:
    text = f"region: us-east-1\ntuning:\n  ranges:\n    {name}: {{mim: 1, max: 5}}\n"
    assert (
        f"  line 4, tuning.ranges.{name}.mim: unknown key (did you mean min?); allowed: max, min, scaling, values"
    ) in _errors(tmp_path, text)


def _with_an_unknown_key(schema: dict[str, Any]) -> Iterator[Any]:
    """Yield a value per nested section, with an unknown key in that section."""
    for one in schema.get("anyOf", [schema]):
        if "properties" in one:
            yield {"unknown": 1}
            for name, inner in one["properties"].items():
                yield from ({name: value} for value in _with_an_unknown_key(inner))
        if "items" in one:
            yield from ([value] for value in _with_an_unknown_key(one["items"]))


def test_every_section_names_its_keys(tmp_path: Path) -> None:
    values = list(_with_an_unknown_key(environment_schema()))
    assert {"serving": {"variants": [{"unknown": 1}]}} in values
    for value in values:
        assert any("unknown: unknown key; allowed: " in line for line in _errors(tmp_path, yaml.safe_dump(value)))


def test_errors_in_a_list_of_sections(tmp_path: Path) -> None:
    text = """\
region: us-east-1
serving:
  min_instances: 2
  scheduled_scaling:
    - {name: day, schedule: rate(1 day), min_instances: 2, max_instances: 4}
    - {name: night, shedule: daily, min_instances: 1, max_instances: 1}
"""
    assert _errors(tmp_path, text)[1:] == [
        "  line 6, serving.scheduled_scaling.1.schedule is missing",
        "  line 6, serving.scheduled_scaling.1.shedule: unknown key (did you mean schedule?); allowed: max_instances, "
        "min_instances, name, schedule, timezone",
    ]


def test_a_conflict_in_a_list_of_sections(tmp_path: Path) -> None:
    text = """\
region: us-east-1
serving:
  min_instances: 2
  update: {policy: canary, size_instances: 1}
  scheduled_scaling:
    - name: night
      schedule: rate(1 day)
      min_instances: 1
      max_instances: 1
"""
    assert _errors(tmp_path, text)[1:] == [
        "  line 8, serving.scheduled_scaling.0.min_instances: 1: policy canary first shifts traffic to at most half "
        "of the instances; allowed: 2 or more, or serving.update.policy: all_at_once"
    ]


def test_all_files_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("region: nowhere\n")
    with pytest.raises(ConfigError) as error:
        load_environments(tmp_path)
    assert [line.split("/")[-1] for line in str(error.value).splitlines()[::2]] == [
        "a.yaml is invalid:",
        "b.yaml is invalid:",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("region: us-east-1\ndata: {\n", "line 3: expected the node content, but found '<stream end>'"),
        ("region: us-east-1\n\ttags: {}\n", "line 2: found character '\\t' that cannot start any token"),
        ("region: us-east-1\nregion: us-west-2\n", "line 2: duplicate key 'region'"),
        ("data:\n  removal: retain\n  removal: destroy\n", "line 3: duplicate key 'removal'"),
        ("region: !!python/object/apply:os.getcwd []\n", "line 1: could not determine a constructor for the tag"),
        ("? [region]\n: us-east-1\n", "line 1: found unhashable key"),
        ("region: us-east-1\n---\nregion: us-east-1\n", "line 2: but found another document"),
        ("region: us-east-1\ntags: {since: 2026-02-30}\n", "line 2: day is out of range for month"),
    ],
)
def test_invalid_yaml(tmp_path: Path, text: str, problem: str) -> None:
    (line,) = _errors(tmp_path, text)
    assert line.startswith(f"environments/dev.yaml is not valid YAML: {problem}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "  line 1, region is missing"),
        ("# nothing\n", "  line 1, region is missing"),
        ("- region\n", "  line 1, the whole file: ['region']: Input should be a valid dictionary"),
        ("region: us-east-1\ndata: destroy\n", "  line 2, data: 'destroy': Input should be a valid dictionary"),
        ("region: us-east-1\ntags: {on: x}\n", "  line 2, tags.1: YAML does not read True as text; put it in quotes"),
        ("region: [us-east-1]\n", "  line 1, region: ['us-east-1']: Input should be a valid string"),
        ("region:\n", "  line 1, region: None: Input should be a valid string"),
        (
            "region: us-east-1\nnetwork: {subnets: [subnet-12345678]}\n",
            "  line 2, network.subnets: ['subnet-12345678']: it does not apply to mode public",
        ),
    ],
)
def test_yaml_that_is_not_an_environment(tmp_path: Path, text: str, problem: str) -> None:
    assert _errors(tmp_path, text)[1].startswith(problem)


def test_invalid_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "dev.yaml"
    file.write_bytes(b"region: \xff\xfe\n")
    with pytest.raises(ConfigError, match="is not valid YAML"):
        load_environment(file)


@pytest.mark.parametrize("name", ["dev.yml", "Dev.yaml", "my env.yaml", "1.yaml", f"{'x' * 33}.yaml", "dev-.yaml"])
def test_a_file_that_names_no_environment(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("region: us-east-1\n")
    with pytest.raises(ConfigError, match="is not a valid name for an environment"):
        load_environments(tmp_path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no \*.yaml file"):
        load_environments(tmp_path)


@given(exponent=st.integers(-6, -1), digit=st.integers(1, 9))
def test_numbers_in_scientific_notation_are_accepted(
    tmp_path_factory: pytest.TempPathFactory, exponent: int, digit: int
) -> None:
    """PyYAML implements YAML 1.1, which parses 1e-3 as a string."""
    folder = tmp_path_factory.mktemp("environments")
    hyperparameters = f"{{learning_rate: {digit}e{exponent}}}"
    file = folder / "dev.yaml"
    file.write_text(
        f"region: us-east-1\ntraining: {{hyperparameters: {hyperparameters}}}\ntuning: {{enabled: false}}\n"
    )
    assert load_environment(file).training.hyperparameters.learning_rate == float(f"{digit}e{exponent}")
    shutil.rmtree(folder)


def test_a_loaded_file_equals_the_validated_model(tmp_path: Path) -> None:
    file = tmp_path / "dev.yaml"
    file.write_text("region: us-east-1\nserving: &s {min_instances: 2}\n")
    expected = EnvironmentConfig.model_validate({"region": "us-east-1", "serving": {"min_instances": 2}})
    assert load_environment(file) == expected
