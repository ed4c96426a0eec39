"""Property test: every accepted serving section gives requests that SageMaker and Auto Scaling accept."""

from typing import Any

import hypothesis
from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk.assertions import Template
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from constructs.common.instance_types import hosting_instance_types, is_arm
from constructs.data.data_bucket import DataBucket
from constructs.serving.endpoint import TopicEndpoint
from stacks.config.environment import EnvironmentConfig
from stacks.serving_props import endpoint_props
from tests.synth.assembly import JsonObject, context
from tests.synth.pipeline.requests import problems

_PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-test/7"
_NAMES = st.from_regex(r"[a-zA-Z0-9](-{0,3}[a-zA-Z0-9]){0,12}", fullmatch=True)
_TYPES = st.sampled_from([one for one in hosting_instance_types() if not is_arm(one) and not one.startswith("ml.t2.")])
_FLEETS = st.tuples(st.integers(2, 9), st.integers(0, 9)).map(
    lambda least_and_more: {"min_instances": least_and_more[0], "max_instances": sum(least_and_more)}
)
_VARIANTS = st.builds(
    lambda fleet, **others: {"model_package": _PACKAGE, **fleet, **others},
    fleet=_FLEETS,
    name=_NAMES,
    weight=st.floats(0, 10),
    instance_type=_TYPES,
)
_SHADOWS = st.fixed_dictionaries(
    {"model_package": st.just(_PACKAGE), "sampling_percent": st.integers(1, 100), "instances": st.integers(1, 5)}
)
_CHANGES = st.builds(
    lambda fleet, name, schedule: {"name": name, "schedule": schedule, "timezone": "Europe/Berlin", **fleet},
    fleet=_FLEETS,
    name=_NAMES,
    schedule=st.sampled_from(["cron(0 8 ? * MON-FRI *)", "rate(12 hours)", "at(2030-01-31T08:00:00)"]),
)
_UPDATES = st.one_of(
    st.fixed_dictionaries({"termination_wait_seconds": st.integers(0, 3600)}),
    st.fixed_dictionaries({"policy": st.just("canary"), "size_percent": st.integers(1, 50)}),
    st.fixed_dictionaries({"policy": st.just("linear"), "size_percent": st.integers(10, 50)}),
    st.fixed_dictionaries({"policy": st.just("canary"), "size_instances": st.integers(1, 3)}),
)
_ON_INSTANCES = st.builds(
    lambda fleet, beside, **others: {**fleet, **beside, **others},
    fleet=_FLEETS,
    beside=st.fixed_dictionaries({"variants": st.lists(_VARIANTS, max_size=3)})
    | st.fixed_dictionaries({"shadow": _SHADOWS}),
    instance_type=_TYPES,
    weight=st.floats(0, 10),
    cpu_target=st.none() | st.integers(1, 100),
    scheduled_scaling=st.lists(_CHANGES, max_size=2),
    data_capture=st.fixed_dictionaries({"enabled": st.booleans(), "sampling_percent": st.integers(1, 100)}),
    update=_UPDATES,
)
_SERVERLESS = st.builds(
    lambda **serverless: {"mode": "serverless", "serverless": serverless},
    memory_mb=st.sampled_from([1024, 2048, 3072, 4096, 5120, 6144]),
    max_concurrency=st.integers(1, 200),
    provisioned_concurrency=st.none() | st.integers(1, 200),
)


def _accepted(serving: JsonObject) -> EnvironmentConfig | None:
    try:
        return EnvironmentConfig.model_validate({"region": "us-east-1", "serving": serving})
    except ValidationError:
        return None


def _resources(config: EnvironmentConfig) -> JsonObject:
    """Return the endpoint's resources by type, with made-up references."""
    stack = Stack(App(context=context(), builtin_cloud_formation_validation=False), "stack")
    year = Duration.days(365)
    data = DataBucket(
        stack,
        "Data",
        removal_policy=RemovalPolicy.RETAIN,
        expire_runs_after=year,
        expire_old_versions_after=year,
        expire_access_logs_after=year,
        announce_uploads=False,
    )
    props = endpoint_props(
        config, name="topicsmith-test", data=data, model_package_arn=_PACKAGE, condition=None, rollback_alarms=["alarm"]
    )
    TopicEndpoint(stack, "Endpoint", props)
    found: JsonObject = {}
    for resource in Template.from_stack(stack).to_json()["Resources"].values():
        found.setdefault(resource["Type"].rpartition("::")[2], []).append(_made_up(resource.get("Properties", {})))
    return found


def _made_up(value: Any) -> Any:
    match value:
        case {"Ref": _} | {"Fn::GetAtt": _}:
            return "name"
        case {"Fn::Join": [separator, parts]}:
            return separator.join(map(_made_up, parts))
        case dict():
            return {key: _made_up(item) for key, item in value.items()}
        case list():
            return [_made_up(item) for item in value]
    return value


@hypothesis.settings(max_examples=12)
@given((_ON_INSTANCES | _SERVERLESS).map(_accepted).filter(bool))
def test_every_accepted_endpoint_makes_valid_requests(config: EnvironmentConfig) -> None:
    resources = _resources(config)
    (variants,) = resources["EndpointConfig"]
    assert problems("CreateEndpointConfig", {"EndpointConfigName": "name", **variants}) == []
    (endpoint,) = resources["Endpoint"]
    assert problems("UpdateEndpoint", endpoint) == []
    targets, policies = resources.get("ScalableTarget", []), resources.get("ScalingPolicy", [])
    for target in targets:
        changes = target.pop("ScheduledActions", [])
        assert problems("RegisterScalableTarget", target, "application-autoscaling") == []
        where = {key: target[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
        for change in changes:
            assert problems("PutScheduledAction", {**where, **change}, "application-autoscaling") == []
        for policy in policies:
            request = {key: value for key, value in policy.items() if key != "ScalingTargetId"}
            assert problems("PutScalingPolicy", {**where, **request}, "application-autoscaling") == []
    instances = config.serving.mode == "instances"
    assert len(targets) == (len(config.serving.variants) + 1 if instances else 0)
    assert len(resources["Model"]) == len(config.serving.variants) + 1 + (config.serving.shadow is not None)
