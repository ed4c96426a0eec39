"""The alarms, budget and HTTP API sections."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from stacks.config.environment import EnvironmentConfig
from stacks.config.sections.http_api import HttpApiConfig
from stacks.config.sections.monitoring import AlarmsConfig, BudgetConfig

_VARIANT = {"model_package": "arn:aws:sagemaker:us-east-1:123456789012:model-package/topics/1", "weight": 0.1}


def _problems(model: type[BaseModel], **values: Any) -> list[str]:
    try:
        model.model_validate(values)
    except ValidationError as error:
        return [f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()]
    return []


@given(
    period=st.integers(1, 60).map(lambda minutes: 60 * minutes),
    periods=st.integers(1, 2000),
    datapoints=st.integers(1, 2000),
)
def test_an_alarm_evaluates_at_most_one_day(period: int, periods: int, datapoints: int) -> None:
    values = {"period_seconds": period, "evaluation_periods": periods, "datapoints_to_alarm": datapoints}
    problems = _problems(AlarmsConfig, **values)
    if period * periods > 24 * 3600:
        most = 24 * 3600 // period
        allowed = f"{most} or less, or a shorter period_seconds"
        assert problems == [f"evaluation_periods: CloudWatch evaluates at most one day; allowed: {allowed}"]
    elif datapoints > periods:
        assert problems == [f"datapoints_to_alarm: it exceeds evaluation_periods; allowed: {periods} or less"]
    else:
        assert AlarmsConfig.model_validate(values).seconds_to_alarm == period * datapoints


def test_the_default_of_datapoints_is_checked_against_the_periods() -> None:
    assert _problems(AlarmsConfig, evaluation_periods=2) == [
        "datapoints_to_alarm: it exceeds evaluation_periods; allowed: 2 or less"
    ]


@pytest.mark.parametrize(
    ("model", "values", "key"),
    [
        (AlarmsConfig, {"error_5xx_percent": 0}, "error_5xx_percent"),
        (AlarmsConfig, {"error_4xx_percent": 100}, "error_4xx_percent"),
        (AlarmsConfig, {"model_latency_p99_ms": 60_001}, "model_latency_p99_ms"),
        (AlarmsConfig, {"cpu_percent": "90"}, "cpu_percent"),
        (AlarmsConfig, {"max_instances_minutes": 0}, "max_instances_minutes"),
        (AlarmsConfig, {"period_seconds": 30}, "period_seconds"),
        (AlarmsConfig, {"period_seconds": 90}, "period_seconds"),
        (AlarmsConfig, {"emails": ["a@example.org"]}, "emails"),
        (BudgetConfig, {"monthly_usd": 0}, "monthly_usd"),
        (BudgetConfig, {"alert_percents": []}, "alert_percents"),
        (BudgetConfig, {"alert_percents": [1, 2, 3, 4, 5, 6]}, "alert_percents"),
        (BudgetConfig, {"alert_percents": [80, 0]}, "alert_percents.1"),
        (HttpApiConfig, {"auth": "none"}, "auth"),
        (HttpApiConfig, {"auth": "jwt", "issuer": "http://a.example.org", "audience": ["a"]}, "issuer"),
        (HttpApiConfig, {"auth": "jwt", "issuer": "https://a.example.org", "audience": ["a b"]}, "audience.0"),
        (HttpApiConfig, {"auth": "iam", "rate_limit": 0}, "rate_limit"),
        (HttpApiConfig, {"auth": "iam", "burst_limit": 5001}, "burst_limit"),
    ],
)
def test_impossible_values_are_refused(model: type[BaseModel], values: dict[str, Any], key: str) -> None:
    (problem,) = _problems(model, **values)
    assert problem.startswith(f"{key}: ")


def test_a_duplicate_percentage_is_refused() -> None:
    (problem,) = _problems(BudgetConfig, alert_percents=[50, 50])
    assert problem.endswith("duplicate value in alert_percents; allowed: each value once")


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({"auth": "jwt"}, "issuer and audience"),
        ({"auth": "jwt", "issuer": "https://a.example.org"}, "issuer and audience"),
        ({"auth": "jwt", "audience": ["a"]}, "issuer and audience"),
        ({"auth": "iam", "issuer": "https://a.example.org", "audience": ["a"]}, "neither, or auth: jwt"),
        ({"audience": ["a"]}, "neither, or auth: jwt"),
    ],
)
def test_issuer_and_audience_are_only_for_tokens(values: dict[str, Any], allowed: str) -> None:
    (problem,) = _problems(HttpApiConfig, **values)
    assert problem.endswith(f"allowed: {allowed}")


def test_an_update_in_steps_needs_rollback_alarms() -> None:
    serving = {"min_instances": 2, "update": {"policy": "canary", "size_percent": 10}}
    nothing = {"error_5xx_percent": None, "model_latency_p99_ms": None}
    environment = {"region": "us-east-1", "serving": serving, "alarms": nothing}
    assert _problems(EnvironmentConfig, **environment) == [
        "alarms: no alarm would roll back an update with policy canary; "
        "allowed: one of error_5xx_percent and model_latency_p99_ms that is not null"
    ]
    for kind in nothing:
        assert _problems(EnvironmentConfig, **{**environment, "alarms": {**nothing, kind: 5}}) == []
    assert _problems(EnvironmentConfig, region="us-east-1", alarms=nothing) == []


@pytest.mark.parametrize(
    ("further", "alarms", "update", "allowed"),
    [
        (4, {}, {}, True),
        (5, {}, {}, False),
        (9, {"error_5xx_percent": None}, {}, True),
        (9, {}, {"rollback": False}, True),
        (9, {"enabled": False}, {}, True),
    ],
)
def test_an_update_has_at_most_ten_alarms(
    further: int, alarms: dict[str, Any], update: dict[str, Any], allowed: bool
) -> None:
    variants = [{"name": f"Variant{number}", **_VARIANT} for number in range(further)]
    serving = {"variants": variants, "update": update}
    problems = _problems(EnvironmentConfig, region="us-east-1", serving=serving, alarms=alarms)
    if allowed:
        assert problems == []
    else:
        assert len(problems) == 1
        assert problems[0].startswith("serving.variants: 12 alarms would roll back updates, but SageMaker allows 10")
