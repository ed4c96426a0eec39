"""Endpoint updates: traffic shifting and rollback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.localcloud.services.sagemaker.hosting.support import (
    config_of,
    describe,
    invoke,
    make_config,
    make_endpoint,
    make_model,
    serverless_variant_of,
    settled,
    start_endpoint,
    variant_of,
)
from tests.localcloud.support import SmallCloud, wait_for


def _policy(kind: str, *alarms: str, wait: int = 120, **policy: Any) -> dict[str, Any]:
    """Return a deployment configuration; its waits take a sixtieth of their time in the small cloud."""
    member = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(kind)
    size = {member: {"Type": "CAPACITY_PERCENT", "Value": 50}} if member else {}
    traffic = {"Type": kind, "WaitIntervalInSeconds": wait, **size}
    return {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic, **policy},
        **({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}} if alarms else {}),
    }


def _update(cloud: SmallCloud, name: str, config: str, **more: Any) -> None:
    cloud.client("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=config, **more)


def _make_alarm(cloud: SmallCloud, name: str) -> None:
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="tests",
        MetricName="of nothing",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    _set_alarm(cloud, name, "OK")


def _set_alarm(cloud: SmallCloud, name: str, state: str) -> None:
    cloud.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test says so")


def _stage(cloud: SmallCloud, name: str) -> str | None:
    """Return the stage of the update in progress."""
    pending = describe(cloud, name).get("PendingDeploymentSummary", {})
    [variant] = pending.get("ProductionVariants") or [{"VariantStatus": [{"Status": None}]}]
    stage: str | None = variant["VariantStatus"][0]["Status"]
    return stage


@contextmanager
def _asking(cloud: SmallCloud, name: str) -> Iterator[list[str]]:
    """Send requests for the duration of the block; none may fail."""
    stop, answers, errors = threading.Event(), list[str](), list[Exception]()

    def ask() -> None:
        runtime = cloud.client("sagemaker-runtime")
        while not stop.wait(0.02):
            try:
                body = runtime.invoke_endpoint(EndpointName=name, Body=b"x")["Body"].read()
                answers.append(json.loads(body)["answer"])
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        stop.set()
        thread.join()
    assert errors == []


def test_canary_gets_part_of_the_traffic_then_all_of_it(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "canary", "old")
    config = config_of(cloud, "canary-new", "new")
    policy = _policy("CANARY", wait=240, TerminationWaitInSeconds=60)
    with _asking(cloud, "canary") as answers:
        _update(cloud, "canary", config, DeploymentConfig=policy)
        wait_for(lambda: _stage(cloud, "canary") == "Baking")
        during = describe(cloud, "canary")
        assert (during["EndpointStatus"], during["EndpointConfigName"]) == ("Updating", "canary")
        assert during["PendingDeploymentSummary"]["EndpointConfigName"] == "canary-new"
        [pending] = during["PendingDeploymentSummary"]["ProductionVariants"]
        assert (pending["CurrentInstanceCount"], pending["InstanceType"]) == (1, "ml.m6i.large")
        after = settled(cloud, "canary")
        begin = len(answers)
        wait_for(lambda: len(answers) > begin + 5)
    assert "old" in answers[answers.index("new") :]
    assert set(answers[begin + 1 :]) == {"new"}
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "canary-new")
    assert after["LastDeploymentConfig"] == policy
    assert not {"PendingDeploymentSummary", "FailureReason"} & after.keys()


def test_alarm_rolls_the_traffic_back(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "alarmed", "old")
    _make_alarm(cloud, "alarmed-5xx")
    config = config_of(cloud, "alarmed-new", "new")
    with _asking(cloud, "alarmed") as answers:
        _update(cloud, "alarmed", config, DeploymentConfig=_policy("LINEAR", "alarmed-5xx", wait=3600))
        wait_for(lambda: "new" in answers)
        _set_alarm(cloud, "alarmed-5xx", "ALARM")
        after = settled(cloud, "alarmed")
        begin = len(answers)
        wait_for(lambda: len(answers) > begin + 5)
    assert set(answers[begin + 1 :]) == {"old"}
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "alarmed")
    assert "alarm(s) alarmed-5xx of AutoRollbackConfiguration went into state ALARM" in after["FailureReason"]


def test_missing_alarm_is_refused_before_anything_starts(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "unwatched", "old")
    _update(cloud, "unwatched", config_of(cloud, "unwatched-new", "new"), DeploymentConfig=_policy("CANARY", "nobody"))
    assert "alarms that do not exist: nobody" in settled(cloud, "unwatched")["FailureReason"]
    assert invoke(cloud, "unwatched")["answer"] == "old"


def test_new_fleet_that_dies_is_rolled_back_without_a_failed_request(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "sturdy", "old")
    config = config_of(cloud, "sturdy-new", "fragile")
    with _asking(cloud, "sturdy") as answers:
        _update(cloud, "sturdy", config, DeploymentConfig=_policy("CANARY", wait=3600))
        after = settled(cloud, "sturdy")
    assert set(answers) == {"old"}
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "sturdy")
    assert "the new fleet does not serve" in after["FailureReason"]


@pytest.mark.parametrize(
    ("retained", "count", "weight"),
    [
        ({"RetainAllVariantProperties": True}, 2, 5.0),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
            },
            1,
            5.0,
        ),
    ],
)
def test_variant_properties_are_retained_as_requested(
    cloud: SmallCloud, retained: dict[str, Any], count: int, weight: float
) -> None:
    name = f"retained-{count}-{round(weight)}"
    make_endpoint(cloud, name, "1")
    desired = [{"VariantName": "AllTraffic", "DesiredWeight": 5, "DesiredInstanceCount": 2}]
    cloud.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=desired
    )
    settled(cloud, name)
    variants = [variant_of(name)]
    _update(cloud, name, make_config(cloud, f"{name}-second", variants), **retained)
    [variant] = settled(cloud, name)["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (count, weight)
    _update(cloud, name, make_config(cloud, f"{name}-third", variants))
    [variant] = settled(cloud, name)["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (1, 1.0)


def test_last_deployment_config_is_reused_on_request(cloud: SmallCloud) -> None:
    policy = _policy("ALL_AT_ONCE", "nobody-here", wait=0)
    start_endpoint(cloud, "repeated", config_of(cloud, "repeated", "1"), DeploymentConfig=policy)
    assert describe(cloud, "repeated")["LastDeploymentConfig"] == policy
    new = config_of(cloud, "repeated-new", "2")
    _update(cloud, "repeated", new, RetainDeploymentConfig=True)
    assert "nobody-here" in settled(cloud, "repeated")["FailureReason"]
    _update(cloud, "repeated", new)
    assert settled(cloud, "repeated")["EndpointConfigName"] == "repeated-new"


def test_invalid_update_is_refused(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    make_endpoint(cloud, "strict", "1")
    two = [variant_of("strict", "AllTraffic"), variant_of("strict", "Other")]
    make_config(cloud, "strict-two", two)
    error = client.exceptions.ClientError
    with pytest.raises(error, match="must have the same variants as the old one"):
        _update(cloud, "strict", "strict-two", DeploymentConfig=_policy("CANARY"))
    one_instance = _policy("CANARY")
    one_instance["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["CanarySize"] = {
        "Type": "INSTANCE_COUNT",
        "Value": 1,
    }
    with pytest.raises(error, match="CanarySize is 1 INSTANCE_COUNT of 1 instances, 100%"):
        _update(cloud, "strict", config_of(cloud, "strict-one", "1"), DeploymentConfig=one_instance)
    with pytest.raises(error, match="which it already uses"):
        _update(cloud, "strict", "strict")
    assert describe(cloud, "strict")["EndpointStatus"] == "InService"


@pytest.mark.parametrize("change", [{"VariantName": "Other"}, {"InstanceType": "ml.m6i.xlarge"}])
def test_scaled_variant_keeps_its_name_and_instances_until_it_is_deregistered(
    cloud: SmallCloud, change: dict[str, str]
) -> None:
    name = f"scaled-{next(iter(change)).lower()}"
    make_endpoint(cloud, name, "1")
    scaling = cloud.client("application-autoscaling")
    target: Any = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
    new = make_config(cloud, f"{name}-new", [variant_of(name) | change])
    with pytest.raises(cloud.client("sagemaker").exceptions.ClientError) as refused:
        _update(cloud, name, new)
    assert refused.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": 'The variant(s) "[AllTraffic]" must be deregistered as scalable target with AutoScaling before they '
        "can be removed or have their instance type updated.",
    }
    scaling.deregister_scalable_target(**target)
    _update(cloud, name, new)
    assert settled(cloud, name)["EndpointConfigName"] == new


def test_serverless_endpoint_may_get_instances_but_not_the_other_way_round(cloud: SmallCloud) -> None:
    config = make_config(cloud, "weighty", [serverless_variant_of(make_model(cloud, "weighty", "old"))])
    start_endpoint(cloud, "weighty", config)
    with _asking(cloud, "weighty") as answers:
        _update(cloud, "weighty", config_of(cloud, "weighty-new", "new"), RetainAllVariantProperties=True)
        [variant] = settled(cloud, "weighty")["ProductionVariants"]
        wait_for(lambda: answers and answers[-1] == "new")
    assert variant["CurrentInstanceCount"] == 1
    with pytest.raises(cloud.client("sagemaker").exceptions.ClientError, match="cannot become serverless"):
        _update(cloud, "weighty", config)


def test_scaling_without_a_new_instance_is_rolled_back(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "stuck", "fragile")
    [directory] = (cloud.state / "endpoints" / "stuck").iterdir()
    (directory / "AllTraffic" / "broken").write_text("x")
    desired = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    cloud.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName="stuck", DesiredWeightsAndCapacities=desired
    )
    after = settled(cloud, "stuck")
    assert after["FailureReason"].startswith("The endpoint could not be scaled. The container exited with code 3")
    [variant] = after["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (1, 1)
