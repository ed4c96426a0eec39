"""Settings that production environments reject."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stacks.config.checks.production import RULES
from stacks.config.environment import EnvironmentConfig
from stacks.config.loader import ConfigError, load_environment

_PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-test/7"
_BAKE = {"update": {"termination_wait_seconds": 600}}
_FIT: dict[str, Any] = {
    "region": "us-east-1",
    "notifications": {"emails": ["topics@example.org"]},
    "serving": {"min_instances": 2, **_BAKE},
    "network": {"allow_public": True},
}
"""As little as production can be."""


def _problems(**values: Any) -> dict[str, str]:
    try:
        EnvironmentConfig.model_validate({**_FIT, **values})
    except ValidationError as error:
        return {".".join(map(str, detail["loc"])): detail["msg"] for detail in error.errors()}
    return {}


_TRIALS: list[tuple[dict[str, Any], str, str]] = [
    ({"data": {"removal": "destroy"}}, "data.removal", "data.removal"),
    (
        {"data": {"expire_old_versions_after_days": 6}},
        "data.expire_old_versions_after_days",
        "data.expire_old_versions_after_days",
    ),
    ({"termination_protection": False}, "termination_protection", "termination_protection"),
    ({"log_retention_days": 14}, "log_retention_days", "log_retention_days"),
    ({"serving": _BAKE}, "serving.min_instances", "serving.min_instances"),
    (
        {"serving": {"min_instances": 2, "update": {"termination_wait_seconds": 59}}},
        "serving.update.termination_wait_seconds",
        "serving.update.termination_wait_seconds",
    ),
    (
        {
            "serving": {
                **_BAKE,
                "min_instances": 2,
                "variants": [
                    {"name": "A", "model_package": _PACKAGE, "weight": 1, "min_instances": 2},
                    {"name": "B", "model_package": _PACKAGE, "weight": 1},
                ],
            }
        },
        "serving.min_instances",
        "serving.variants.1.min_instances",
    ),
    (
        {
            "serving": {
                **_BAKE,
                "min_instances": 2,
                "scheduled_scaling": [
                    {"name": "night", "schedule": "rate(1 day)", "min_instances": 1, "max_instances": 1}
                ],
            }
        },
        "serving.min_instances",
        "serving.scheduled_scaling.0.min_instances",
    ),
    ({"gate": {"npmi": -1, "topic_uniqueness": 0, "npmi_over_baseline": -2}}, "gate", "gate"),
    ({"alarms": {"enabled": False}}, "alarms.enabled", "alarms.enabled"),
    ({"alarms": {"error_5xx_percent": None}}, "alarms.error_5xx_percent", "alarms.error_5xx_percent"),
    ({"notifications": {}}, "notifications.emails", "notifications.emails"),
    ({"network": {}}, "network.mode", "network.mode"),
]


def test_there_is_a_trial_for_each_rule() -> None:
    assert {rule for _, rule, _ in _TRIALS} == {rule.key for rule in RULES}


@pytest.mark.parametrize(("values", "rule", "key"), _TRIALS)
def test_settings_suitable_only_for_experiments_are_refused_with_the_reason(
    values: dict[str, Any], rule: str, key: str
) -> None:
    (broken,) = (one for one in RULES if one.key == rule)
    assert _problems(production=True, **values) == {
        key: f"in production, {broken.reason}; allowed: {broken.allowed}, or production: false"
    }


@pytest.mark.parametrize(("values", "rule", "key"), _TRIALS)
def test_they_are_accepted_outside_production(values: dict[str, Any], rule: str, key: str) -> None:
    assert _problems(**values) == {}
    assert _problems(production=False, **values) == {}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"data": {"expire_old_versions_after_days": 7}},
        {"log_retention_days": 30},
        {"serving": {"mode": "serverless"}},
        # One threshold that a model can miss is enough; perplexity has no minimum value.
        {"gate": {"topic_uniqueness": 0, "npmi_over_baseline": -2, "npmi": -0.5}},
        {"gate": {"topic_uniqueness": None, "npmi_over_baseline": None, "perplexity": 5000}},
        {"network": {"mode": "private"}},
    ],
)
def test_settings_accepted_in_production(values: dict[str, Any]) -> None:
    assert _problems(production=True, **values) == {}


def test_all_at_once() -> None:
    values = {
        "production": True,
        "data": {"removal": "destroy", "expire_old_versions_after_days": 1},
        "termination_protection": False,
        "log_retention_days": 1,
        "serving": {},
        "gate": {"topic_uniqueness": 0, "npmi_over_baseline": None},
        "alarms": {"enabled": False, "error_5xx_percent": None},
        "notifications": {},
        "network": {},
    }
    assert _problems(**values).keys() == {rule.key for rule in RULES}


@pytest.mark.parametrize("name", ["prod", "production", "prod-eu"])
def test_names_like_prod_must_set_production(tmp_path: Path, name: str) -> None:
    file = tmp_path / f"{name}.yaml"
    file.write_text("region: us-east-1\ndata: {removal: retain}\n")
    with pytest.raises(ConfigError) as error:
        load_environment(file)
    assert str(error.value).splitlines()[1:] == [
        f"  line 1, production is missing: the name {name} suggests a production environment; allowed: true, false"
    ]
    file.write_text("region: us-east-1\nproduction: false\n")
    assert not load_environment(file).production


def test_other_names_need_not_set_it(tmp_path: Path) -> None:
    file = tmp_path / "staging.yaml"
    file.write_text("region: us-east-1\n")
    assert not load_environment(file).production


def test_the_error_message_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text(
        "region: us-east-1\nproduction: true\ndata:\n  removal: destroy\nserving:\n  min_instances: 1\n"
        "  update: {termination_wait_seconds: 600}\n"
    )
    with pytest.raises(ConfigError) as error:
        load_environment(file)
    lines = str(error.value).splitlines()[1:]
    assert len(lines) == 4
    assert (
        "  line 4, data.removal: 'destroy': in production, the corpora and models would be deleted with the stack; "
        "allowed: retain, or production: false"
    ) in lines
    assert any(line.startswith("  line 6, serving.min_instances: 1: in production, ") for line in lines)
