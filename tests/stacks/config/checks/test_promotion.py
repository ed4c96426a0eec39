from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stacks.config.checks.promotion import promotion_conflicts
from stacks.config.environment import EnvironmentConfig
from stacks.config.loader import ConfigError, load_environments
from stacks.config.promotion_paths import promotion_paths

_NAMES = ("a", "b", "c", "d", "e")
_PINNED = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-dev/7"


def _environment(**values: Any) -> EnvironmentConfig:
    return EnvironmentConfig.model_validate({"region": "us-east-1", **values})


def _problem(folder: Path, dev: str, prod: str) -> str:
    """Return the only error about prod, whose ``promotion`` section starts in line 2."""
    folder = folder / "environments"
    folder.mkdir()
    (folder / "dev.yaml").write_text(dev)
    (folder / "prod.yaml").write_text(prod)
    with pytest.raises(ConfigError) as error:
        load_environments(folder)
    first, problem = str(error.value).splitlines()
    assert first == "environments/prod.yaml is invalid:"
    return problem


@pytest.mark.parametrize("method", ["pin", "register"])
@pytest.mark.parametrize("accounts", [({}, {}), ({"account": "1" * 12}, {"account": "2" * 12})])
def test_models_go_from_one_environment_to_another(accounts: tuple[Any, Any], method: str) -> None:
    dev, prod = accounts
    environments = {
        "dev": _environment(**dev),
        "prod": _environment(**prod, promotion={"from": "dev", "method": method}),
    }
    assert promotion_conflicts(environments) == {}


@pytest.mark.parametrize(
    ("dev", "prod", "problem"),
    [
        (
            "region: us-east-1",
            "region: us-east-1\npromotion: {from: staging}",
            "  line 2, promotion.from: 'staging': unknown environment; allowed: dev",
        ),
        (
            "region: us-east-1",
            "region: us-east-1\npromotion:\n  from: prod\n",
            "  line 3, promotion.from: 'prod': an environment cannot promote to itself; allowed: dev",
        ),
        (
            "region: eu-west-1",
            "region: us-east-1\npromotion: {from: dev}",
            "  line 2, promotion.from: 'dev': it is in eu-west-1, but an endpoint needs models and images in its own "
            "region, us-east-1; allowed: an environment in us-east-1",
        ),
        (
            "region: us-east-1",
            "region: us-east-1\npromotion: {from: dev}\naccount: '222222222222'",
            "  line 2, promotion.from: 'dev': prod.yaml names an account and dev.yaml does not, so they "
            "cannot be compared; allowed: account in both files, or in neither",
        ),
        (
            "region: us-east-1\naccount: '111111111111'",
            "region: us-east-1\npromotion: {from: dev}",
            "  line 2, promotion.from: 'dev': dev.yaml names an account and prod.yaml does not, so they "
            "cannot be compared; allowed: account in both files, or in neither",
        ),
    ],
)
def test_conflicts_between_two_files(tmp_path: Path, dev: str, prod: str, problem: str) -> None:
    # production: false avoids unrelated errors about production settings.
    assert _problem(tmp_path, dev, f"{prod}\nproduction: false\n") == problem


def test_a_cycle_is_reported_in_each_of_its_files(tmp_path: Path) -> None:
    for name, source in (("dev", "prod"), ("staging", "dev"), ("prod", "staging"), ("other", "dev")):
        text = f"region: us-east-1\nproduction: false\npromotion: {{from: {source}}}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load_environments(tmp_path)
    problems = [line for line in str(error.value).splitlines() if line.startswith("  ")]
    assert [problem.partition("cycle, ")[2].partition(";")[0] for problem in problems] == [
        "dev ← prod ← staging ← dev",
        "prod ← staging ← dev ← prod",
        "staging ← dev ← prod ← staging",
    ]


def test_a_single_environment_cannot_have_a_promotion_source() -> None:
    found = promotion_conflicts({"prod": _environment(promotion={"from": "dev"})})
    assert found["prod"][0]["msg"] == "unknown environment; allowed: null, since there is no other environment"


def test_a_bucket_that_policies_could_not_name() -> None:
    """CloudFormation truncates generated names, and it would truncate the environment's name."""
    short, long = "x" * 15, "x" * 16
    promotion = {"from": short, "method": "pin"}
    assert promotion_conflicts({short: _environment(), "prod": _environment(promotion=promotion)}) == {}
    promotion["from"] = long
    found = promotion_conflicts({long: _environment(), "prod": _environment(promotion=promotion)})
    assert "at most 15 characters, or method: register" in found["prod"][0]["msg"]
    promotion["method"] = "register"
    assert promotion_conflicts({long: _environment(), "prod": _environment(promotion=promotion)}) == {}


def test_production_serves_no_model_from_disposable_data() -> None:
    safe: dict[str, Any] = {
        "production": True,
        "promotion": {"from": "dev", "method": "pin"},
        "serving": {"min_instances": 2, "update": {"termination_wait_seconds": 600}},
        "notifications": {"emails": ["topics@example.org"]},
        "network": {"allow_public": True},
    }
    dev = _environment(data={"removal": "destroy"})
    found = promotion_conflicts({"dev": dev, "prod": _environment(**safe)})
    (detail,) = found["prod"]
    assert detail["loc"] == ("promotion", "method")
    assert detail["msg"] == (
        "in production, the served model would be deleted together with the stacks of dev; allowed: register, or "
        "data.removal: retain in dev.yaml, or production: false"
    )
    assert promotion_conflicts({"dev": _environment(), "prod": _environment(**safe)}) == {}
    registering = _environment(**{**safe, "promotion": {"from": "dev"}})
    assert promotion_conflicts({"dev": dev, "prod": registering}) == {}
    trial = _environment(promotion={"from": "dev", "method": "pin"})
    assert promotion_conflicts({"dev": dev, "trial": trial}) == {}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"promotion": {"method": "pin"}}, "method has no effect without from; allowed: from and method"),
        ({"promotion": {"source": "dev"}}, "Extra inputs are not permitted"),
        ({"promotion": {"from": "dev", "method": "copy"}}, "Input should be 'pin' or 'register'"),
        (
            {"promotion": {"from": "dev"}, "serving": {"model_package": _PINNED}},
            "serving.model_package pins the served model, so registered copies would never be served; allowed: pin",
        ),
    ],
)
def test_conflicts_within_one_file(values: Mapping[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as error:
        _environment(**values)
    (detail,) = error.value.errors()
    assert detail["msg"].startswith(problem)


def test_keys_are_named_as_in_the_file(tmp_path: Path) -> None:
    prod = "region: us-east-1\npromotion: {form: dev}\nproduction: false\n"
    assert _problem(tmp_path, "region: us-east-1\n", prod) == (
        "  line 2, promotion.form: unknown key (did you mean from?); allowed: from, method"
    )


_SOURCES = st.fixed_dictionaries({name: st.sampled_from([None, *_NAMES]) for name in _NAMES})
_METHODS = st.fixed_dictionaries({name: st.sampled_from(["pin", "register"]) for name in _NAMES})


def _environments(sources: Mapping[str, str | None], methods: Mapping[str, str]) -> dict[str, EnvironmentConfig]:
    return {
        name: _environment(promotion={"from": source, "method": methods[name]} if source else {})
        for name, source in sources.items()
    }


@given(sources=_SOURCES, methods=_METHODS)
def test_every_cycle_is_found_and_nothing_else(sources: dict[str, str | None], methods: dict[str, str]) -> None:
    in_cycle = set()
    for name in _NAMES:
        step: str | None = name
        for _ in _NAMES:
            step = sources[step] if step else None
            if step == name:
                in_cycle.add(name)
    assert promotion_conflicts(_environments(sources, methods)).keys() == in_cycle


@given(order=st.permutations(_NAMES), methods=_METHODS, data=st.data())
def test_paths_are_known_on_both_sides(order: list[str], methods: dict[str, str], data: st.DataObject) -> None:
    sources = {name: data.draw(st.sampled_from([None, *order[:place]])) for place, name in enumerate(order)}
    environments = _environments(sources, methods)
    assert promotion_conflicts(environments) == {}
    paths = promotion_paths(environments)
    for name, path in paths.items():
        assert (path.source.environment if path.source else None) == sources[name]
        assert {one.environment for one in path.pinned_by} == {
            other for other in _NAMES if sources[other] == name and methods[other] == "pin"
        }
        assert {one.environment for one in path.image_readers} == {
            other for other in _NAMES if name in {one.environment for one in paths[other].image_sources}
        }
        # The image travels with the model, and the model through registries.
        *way, _ = [one.environment for one in path.image_sources] or [name]
        assert all(methods[passed] == "register" for passed in way)
