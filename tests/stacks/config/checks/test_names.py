"""Names that resources of several environments would share."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stacks.config.checks.names import name_conflicts
from stacks.config.environment import EnvironmentConfig
from stacks.config.loader import ConfigError, load_environments

_PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-dev/7"


def _environment(*variants: str, **values: Any) -> EnvironmentConfig:
    given = [{"name": name, "model_package": _PACKAGE, "weight": 1} for name in variants]
    return EnvironmentConfig.model_validate({"region": "us-east-1", "serving": {"variants": given}, **values})


def _problems(**environments: EnvironmentConfig) -> dict[str, list[str]]:
    found = name_conflicts({name.replace("_", "-"): config for name, config in environments.items()})
    return {name: [f"{details['loc']} {details['msg']}" for details in errors] for name, errors in found.items()}


@pytest.mark.parametrize("name", ["update", "B-update"])
def test_a_variant_is_not_called_like_the_alarms_of_updates(name: str) -> None:
    with pytest.raises(ValidationError, match="alarms that watch updates have this name"):
        _environment(name)
    _environment("updated", "B-updates", "Bupdate")


def test_an_environment_is_not_called_like_the_alarms_of_another() -> None:
    (problem,) = _problems(dev=_environment(), dev_update=_environment())["dev-update"]
    assert "those of environment dev that watch updates" in problem
    assert _problems(dev=_environment(), dev_two=_environment()) == {}


def test_a_variant_is_not_called_like_the_rest_of_another_environment() -> None:
    (problem,) = _problems(dev=_environment("a", "two"), dev_two=_environment())["dev"]
    assert problem.startswith("('serving', 'variants', 1, 'name') alarms of both would have the same names")


def test_environments_of_different_places_do_not_meet() -> None:
    there = _environment(region="eu-west-1", serving={})
    assert _problems(dev=_environment(), dev_update=there) == {}
    first, second = (_environment(account=digit * 12) for digit in "12")
    assert _problems(dev=first, dev_update=second) == {}
    assert _problems(dev=first, dev_update=_environment()).keys() == {"dev-update"}


def test_the_error_names_the_file(tmp_path: Path) -> None:
    for name in ("dev", "dev-update"):
        (tmp_path / f"{name}.yaml").write_text("region: us-east-1")
    with pytest.raises(ConfigError, match=r"dev-update\.yaml is invalid:\n  line 1, the whole file: 'dev-update'"):
        load_environments(tmp_path)
