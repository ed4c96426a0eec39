"""The serving section, each value on its own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from stacks.config.sections.endpoint_update import UpdateConfig
from stacks.config.sections.scheduled_scaling import ScheduledScalingConfig
from stacks.config.sections.serving import ServerlessConfig, ServingConfig
from stacks.config.sections.variants import ShadowConfig, VariantConfig

_PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-test/7"
_DAY = {"name": "day", "schedule": "cron(0 8 ? * MON-FRI *)", "min_instances": 2, "max_instances": 4}
_B = {"name": "B", "model_package": _PACKAGE, "weight": 0.1}


def _problems(model: type[BaseModel], **values: Any) -> list[str]:
    with pytest.raises(ValidationError) as error:
        model.model_validate(values)
    return [f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.value.errors()]


@given(least=st.integers(1, 50), most=st.integers(1, 50))
def test_max_cannot_be_below_min(least: int, most: int) -> None:
    limits = {"min_instances": least, "max_instances": most}
    for model, others in ((ServingConfig, {}), (ScheduledScalingConfig, _DAY), (VariantConfig, _B)):
        if most >= least:
            model.model_validate({**others, **limits})
        else:
            problem = f"max_instances: below min_instances; allowed: {least} or more"
            assert _problems(model, **{**others, **limits}) == [problem]


_NUMBERS = st.integers(2, 999).map(str)
_SCHEDULES = st.one_of(
    st.tuples(
        st.sampled_from(["*", "0", "0/15", "5,10-20"]),
        st.integers(0, 23).map(str),
        st.sampled_from(["? * MON-FRI", "? JAN-MAR 2#1", "L * ?", "1,15 6/3 ?", "3W 1-12 ?", "? * 6L", "*/2 * ?"]),
        st.sampled_from(["*", "2030-2040"]),
    ).map(lambda fields: f"cron({' '.join(fields)})"),
    st.sampled_from(["minute", "hour", "day"]).map(lambda unit: f"rate(1 {unit})"),
    st.builds("rate({} {}s)".format, _NUMBERS, st.sampled_from(["minute", "hour", "day"])),
    st.datetimes().map(lambda time: f"at({time.replace(microsecond=0).isoformat()})"),
)


@given(_SCHEDULES)
def test_a_schedule_is_an_expression_of_application_auto_scaling(schedule: str) -> None:
    assert ScheduledScalingConfig.model_validate({**_DAY, "schedule": schedule}).schedule == schedule


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        ("daily", "not a cron(...), rate(...) or at(...) expression"),
        ("cron(0 8 * * *)", "cron needs minutes, hours, day of month, month, day of week and year"),
        ("cron(0 8 * * * *)", "cron needs ? as either day of month or day of week"),
        ("cron(0 8 ? * ? *)", "cron needs ? as either day of month or day of week"),
        ("cron(60 8 ? * MON *)", "cron has '60' as minutes, which has values from 0 to 59"),
        ("cron(0 24 ? * MON *)", "cron has '24' as hours, which has values from 0 to 23"),
        ("cron(0 8 0 * ? *)", "cron has '0' as day of month"),
        ("cron(0 8 ? JANUARY MON *)", "cron has 'JANUARY' as month"),
        ("cron(0 8 ? * MO *)", "cron has 'MO' as day of week"),
        ("cron(0 8 ? * 0 *)", "cron has '0' as day of week"),
        ("cron(0/0 8 ? * MON *)", "cron has '0/0' as minutes"),
        ("cron(0 8 ? * MON 1969)", "cron has '1969' as year"),
        ("rate(1 hours)", "rate needs a number and minutes, hours or days"),
        ("rate(2 hour)", "rate needs a number"),
        ("rate(0 minutes)", "rate needs a number"),
        ("rate(1 week)", "rate needs a number"),
        ("at(2030-01-31)", "at needs a date and a time, without a time zone"),
        ("at(2030-02-30T08:00:00)", "at needs a date and a time"),
        ("at(2030-01-31T08:00:00Z)", "at needs a date and a time"),
        ("at(2030-01-31T08:00:00+01:00)", "at needs a date and a time"),
        ("at(2030-1-31T8:00:00)", "at needs a date and a time"),
    ],
)
def test_an_invalid_schedule_is_refused(schedule: str, reason: str) -> None:
    (problem,) = _problems(ScheduledScalingConfig, **{**_DAY, "schedule": schedule})
    assert problem.startswith(f"schedule: {reason}")
    assert problem.endswith("rate(12 hours) or at(2030-01-31T08:00:00), for example")


def test_scheduled_actions_are_limited() -> None:
    changes = [{**_DAY, "name": f"change-{number}"} for number in range(201)]
    ServingConfig.model_validate({"scheduled_scaling": changes[:200], "max_instances": 4})
    (problem,) = _problems(ServingConfig, scheduled_scaling=changes, max_instances=4)
    assert "at most 200 items" in problem


def test_a_time_zone_must_exist() -> None:
    assert ScheduledScalingConfig.model_validate({**_DAY, "timezone": "Europe/Berlin"}).timezone == "Europe/Berlin"
    for name in ("Europe/Bonn", "US/Pacific", "EST5EDT", "Singapore", "localtime", "Etc/../UTC"):
        (problem,) = _problems(ScheduledScalingConfig, **_DAY, timezone=name)
        assert problem.startswith("timezone: unknown time zone")
    for name in ("UTC", "Etc/GMT+9", "America/Argentina/Buenos_Aires"):
        ScheduledScalingConfig.model_validate({**_DAY, "timezone": name})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mode", "async"),
        ("cpu_target", 0),
        ("cpu_target", 101),
        ("weight", -1),
        ("weight", float("nan")),
        ("scale_in_cooldown_seconds", -1),
        ("variants", [{**_B, "name": "AllTraffic"}]),
        ("variants", [{**_B, "name": "Shadow"}]),
        ("variants", [{**_B, "name": "a_b"}]),
        ("variants", [{**_B, "name": "x" * 64}]),
        ("variants", [{**_B, "model_package": "topicsmith-test/7"}]),
        ("variants", [{**_B, "instance_type": "ml.m6g.large"}]),
        ("variants", [{**_B, "min_instances": 0}]),
        ("variants", [{"name": "B", "model_package": _PACKAGE}]),
        ("variants", [{**_B, "name": f"B{number}"} for number in range(10)]),
        ("shadow", {}),
        ("shadow", {"model_package": _PACKAGE, "sampling_percent": 0}),
        ("shadow", {"model_package": _PACKAGE, "sampling_percent": 101}),
        ("shadow", {"model_package": _PACKAGE, "instance_type": "ml.t2.medium"}),
        ("serverless", {"memory_mb": 2000}),
        ("serverless", {"memory_mb": 7168}),
        ("serverless", {"max_concurrency": 201}),
        ("data_capture", {"sampling_percent": 0}),
        ("update", {"policy": "canary", "size_percent": 10, "wait_seconds": 3601}),
        ("update", {"termination_wait_seconds": 3601}),
        ("update", {"max_execution_seconds": 599}),
        ("update", {"max_execution_seconds": 28_801}),
    ],
)
def test_values_that_sagemaker_refuses_are_refused(key: str, value: object) -> None:
    (problem,) = _problems(ServingConfig, **{key: value})
    assert problem.startswith(key)


@pytest.mark.parametrize(("key", "named"), [("variants", _B), ("scheduled_scaling", _DAY)])
def test_names_are_different(key: str, named: dict[str, object]) -> None:
    (problem,) = _problems(ServingConfig, **{key: [named, {**named, "max_instances": 5}]})
    assert problem == f"{key}: duplicate name {named['name']}; allowed: different names"


@given(most=st.integers(1, 200), provisioned=st.integers(1, 200))
def test_provisioned_concurrency_cannot_exceed_the_maximum(most: int, provisioned: int) -> None:
    said = {"max_concurrency": most, "provisioned_concurrency": provisioned}
    if provisioned <= most:
        ServerlessConfig.model_validate(said)
    else:
        problem = f"provisioned_concurrency: above max_concurrency; allowed: {most} or less"
        assert _problems(ServerlessConfig, **said) == [problem]


@given(policy=st.sampled_from(["canary", "linear"]), percent=st.integers(1, 100))
def test_a_canary_is_half_the_fleet_at_most_and_a_step_a_tenth_at_least(policy: str, percent: int) -> None:
    said = {"policy": policy, "size_percent": percent}
    if (10 if policy == "linear" else 1) <= percent <= 50:
        assert UpdateConfig.model_validate(said).size_percent == percent
    else:
        assert [problem.partition(":")[0] for problem in _problems(UpdateConfig, **said)] == ["size_percent"]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"policy": "canary"}, "size_instances: policy canary needs exactly one size"),
        (
            {"policy": "linear", "size_percent": 20, "size_instances": 1},
            "size_instances: policy linear needs exactly one size",
        ),
        ({"size_percent": 20}, "size_instances: policy all_at_once has no steps"),
        ({"size_instances": 1}, "size_instances: policy all_at_once has no steps"),
        ({"policy": "canary", "size_instances": 1, "rollback": False}, "rollback: no alarms would be monitored"),
        ({"wait_seconds": 300}, "wait_seconds: policy all_at_once has no steps"),
        ({"termination_wait_seconds": 60, "rollback": False}, "rollback: nothing would roll back to the old fleet"),
        ({"policy": "rolling"}, "policy: "),
    ],
)
def test_the_size_of_steps_and_the_policy_fit(said: dict[str, object], problem: str) -> None:
    (found,) = _problems(UpdateConfig, **said)
    assert found.startswith(problem)


def test_defaults_of_a_shadow_and_required_keys_of_a_variant() -> None:
    shadow = ShadowConfig.model_validate({"model_package": _PACKAGE})
    assert (shadow.sampling_percent, shadow.instances) == (100, 1)
    assert [problem.partition(":")[0] for problem in _problems(VariantConfig)] == ["name", "model_package", "weight"]


def test_the_instance_types_that_serve() -> None:
    serving = ServingConfig.model_validate(
        {"instance_type": "ml.c5.large", "variants": [_B, {**_B, "name": "C", "instance_type": "ml.c5.large"}]}
    )
    assert serving.instance_types == ("ml.c5.large", "ml.m5.large")
    shadow = {"model_package": _PACKAGE, "instance_type": "ml.c5.xlarge"}
    assert ServingConfig.model_validate({"shadow": shadow}).instance_types == ("ml.m5.large", "ml.c5.xlarge")
