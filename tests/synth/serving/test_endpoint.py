"""The endpoint: variants, autoscaling, updates and data capture, as requests that SageMaker accepts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from constructs.common.instance_sizes import processors
from tests.synth.assembly import Assembly, JsonObject, template_of
from tests.synth.cloudformation import Deployment
from tests.synth.pipeline.requests import problems
from tests.synth.variants import VARIANTS

_CONFIG = "AWS::SageMaker::EndpointConfig"
_ENDPOINT = "AWS::SageMaker::Endpoint"
_MODEL = "AWS::SageMaker::Model"
_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
_POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
_NOT_OF_CREATION = ("RetainAllVariantProperties", "ExcludeRetainedVariantProperties")


@pytest.fixture(scope="module")
def deployments(assembly: Assembly, variants: Path) -> dict[str, Deployment]:
    """All environments, shipped ones and variants, by name."""
    ours = {name: Deployment(assembly, name) for name in ("dev", "prod")}
    return ours | {name: Deployment(Assembly(variants), name) for name in (*VARIANTS, "pinned")}


@pytest.fixture(params=["dev", "prod", "pinned", *VARIANTS])
def any_deployment(request: pytest.FixtureRequest, deployments: dict[str, Deployment]) -> Deployment:
    return deployments[request.param]


def _update(**serving: Any) -> Any:
    """Return an endpoint's deployment configuration."""
    template = template_of("serving", serving=serving)
    (endpoint,) = template.find_resources(_ENDPOINT).values()
    return endpoint["Properties"].get("DeploymentConfig")


def _scaling_requests(deployment: Deployment) -> Iterator[tuple[str, JsonObject]]:
    """Yield the Application Auto Scaling operations that CloudFormation would call, with their requests."""
    targets = {name: one["Properties"] for name, one in deployment.resources("serving", _TARGET).items()}
    keys = ("ServiceNamespace", "ResourceId", "ScalableDimension")
    for target in targets.values():
        of_target = {key: target[key] for key in keys}
        limits = {key: target[key] for key in ("MinCapacity", "MaxCapacity")}
        yield "RegisterScalableTarget", {**of_target, **limits}
        for action in target.get("ScheduledActions", []):
            yield "PutScheduledAction", {**of_target, **action}
    for policy in deployment.resources("serving", _POLICY).values():
        properties = dict(policy["Properties"])
        target = targets[properties.pop("ScalingTargetId")]
        yield "PutScalingPolicy", {**{key: target[key] for key in keys}, **properties}


def test_sagemaker_accepts_the_configuration(any_deployment: Deployment) -> None:
    config = any_deployment.resource("serving", _CONFIG)
    assert problems("CreateEndpointConfig", {"EndpointConfigName": "config", **config}) == []


def test_sagemaker_accepts_the_endpoint_and_its_update(any_deployment: Deployment) -> None:
    endpoint = any_deployment.resource("serving", _ENDPOINT)
    creation = {key: value for key, value in endpoint.items() if key not in _NOT_OF_CREATION}
    update = {key: value for key, value in endpoint.items() if key != "Tags"}
    assert problems("CreateEndpoint", creation) == []
    assert problems("UpdateEndpoint", update) == []


def test_sagemaker_accepts_the_models(any_deployment: Deployment) -> None:
    for name, model in any_deployment.resources("serving", _MODEL).items():
        container = {**model["Properties"]["PrimaryContainer"], "ModelPackageName": f"package-{name}"}
        request = {**model["Properties"], "ModelName": name, "PrimaryContainer": container}
        assert problems("CreateModel", request) == []


def test_application_auto_scaling_accepts_targets_schedules_and_policies(deployments: dict[str, Deployment]) -> None:
    asked = [request for deployment in deployments.values() for request in _scaling_requests(deployment)]
    assert {operation for operation, _ in asked} == {
        "RegisterScalableTarget",
        "PutScheduledAction",
        "PutScalingPolicy",
    }
    for operation, request in asked:
        assert problems(operation, request, "application-autoscaling") == [], operation


def test_each_variant_has_its_own_model(any_deployment: Deployment) -> None:
    config = any_deployment.resource("serving", _CONFIG)
    variants = [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]
    models = [variant["ModelName"] for variant in variants]
    assert sorted(models) == sorted(any_deployment.resources("serving", _MODEL))
    assert len({variant["VariantName"] for variant in variants}) == len(variants)


def test_every_part_waits_for_a_model(any_deployment: Deployment) -> None:
    condition = None if any_deployment.name == "topicsmith-pinned" else "HasModel"
    for type_ in (_CONFIG, _ENDPOINT, _MODEL, _TARGET, _POLICY):
        for name, resource in any_deployment.resources("serving", type_).items():
            assert resource.get("Condition") == condition, name


def test_variants_share_the_requests_by_weight_and_scale_by_themselves(deployments: dict[str, Deployment]) -> None:
    deployment = deployments["builtin"]
    ours, other = deployment.resource("serving", _CONFIG)["ProductionVariants"]
    assert (ours["VariantName"], ours["InitialVariantWeight"], ours["InitialInstanceCount"]) == ("AllTraffic", 1, 4)
    assert (other["VariantName"], other["InitialVariantWeight"]) == ("Challenger-1", 0.25)
    package = deployment.resources("serving", _MODEL)[other["ModelName"]]["Properties"]["PrimaryContainer"]
    assert package == {"ModelPackageName": VARIANTS["builtin"]["serving"]["variants"][0]["model_package"]}
    targets = [one["Properties"] for one in deployment.resources("serving", _TARGET).values()]
    assert {one["ResourceId"].rpartition("/")[2]: (one["MinCapacity"], one["MaxCapacity"]) for one in targets} == {
        "AllTraffic": (4, 10),
        "Challenger-1": (2, 4),
    }


def test_processors_are_a_second_target_for_each_instance_type(deployments: dict[str, Deployment]) -> None:
    """The metric is the sum over an instance's vCPUs."""
    found = {}
    for policy in deployments["builtin"].resources("serving", _POLICY).values():
        tracking = policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]
        if metric := tracking.get("CustomizedMetricSpecification"):
            assert (metric["Namespace"], metric["MetricName"]) == ("/aws/sagemaker/Endpoints", "CPUUtilization")
            assert (metric["Statistic"], metric["Unit"]) == ("Average", "Percent")
            dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
            assert dimensions.pop("EndpointName") == "topicsmith-builtin"
            found[dimensions.pop("VariantName")] = tracking["TargetValue"]
            assert dimensions == {}
    assert found == {"AllTraffic": 70 * processors("ml.m5.large"), "Challenger-1": 70 * processors("ml.c5.2xlarge")}


def test_all_targets_have_the_same_cooldowns(deployments: dict[str, Deployment]) -> None:
    for policy in deployments["builtin"].resources("serving", _POLICY).values():
        tracking = policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]
        assert (tracking["ScaleInCooldown"], tracking["ScaleOutCooldown"]) == (300, 60)


def test_schedules_set_other_limits(deployments: dict[str, Deployment]) -> None:
    morning, evening = deployments["spot"].resource("serving", _TARGET)["ScheduledActions"]
    assert morning == {
        "ScheduledActionName": "morning",
        "Schedule": "cron(0 8 ? * MON-FRI *)",
        "Timezone": "Europe/Berlin",
        "ScalableTargetAction": {"MinCapacity": 4, "MaxCapacity": 8},
    }
    assert (evening["ScheduledActionName"], evening["Timezone"]) == ("evening", "UTC")


def test_a_shadow_gets_a_share_of_the_requests_and_does_not_scale(deployments: dict[str, Deployment]) -> None:
    deployment = deployments["spot"]
    config = deployment.resource("serving", _CONFIG)
    (ours,), (shadow,) = config["ProductionVariants"], config["ShadowProductionVariants"]
    assert shadow["InitialVariantWeight"] / ours["InitialVariantWeight"] == 0.25
    assert (shadow["VariantName"], shadow["InitialInstanceCount"]) == ("Shadow", 2)
    assert deployment.resource("serving", _TARGET)["ResourceId"].endswith("/AllTraffic")


def test_captured_requests_are_encrypted_and_expire(deployments: dict[str, Deployment]) -> None:
    deployment = deployments["spot"]
    capture = deployment.resource("serving", _CONFIG)["DataCaptureConfig"]
    (bucket,) = (name for name in deployment.resources("data", "AWS::S3::Bucket") if name.startswith("DataBucket"))
    assert capture["DestinationS3Uri"] == f"s3://{bucket.lower()}/captured"
    (key,) = deployment.resources("data", "AWS::KMS::Key")
    assert capture["KmsKeyId"].endswith(f":key/{key}")
    assert (capture["EnableCapture"], capture["InitialSamplingPercentage"]) == (True, 10)
    assert {one["CaptureMode"] for one in capture["CaptureOptions"]} == {"Input", "Output"}
    rules = deployment.resources("data", "AWS::S3::Bucket")[bucket]["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = (rule for rule in rules if rule.get("Prefix") == "captured/")
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 90)


def test_only_endpoints_with_data_capture_may_write(deployments: dict[str, Deployment]) -> None:
    for name, deployment in deployments.items():
        written = [one["Resource"] for one in deployment.statements("serving", "EndpointRole") if _writes(one)]
        assert [resource.partition("/")[2] for resource in written] == (["captured/*"] if name == "spot" else [])


def _writes(statement: JsonObject) -> bool:
    return "s3:PutObject" in statement["Action"]


def test_a_serverless_endpoint_has_only_what_sagemaker_allows(deployments: dict[str, Deployment]) -> None:
    deployment = deployments["short"]
    (variant,) = deployment.resource("serving", _CONFIG)["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 5, "ProvisionedConcurrency": 2}
    assert variant.keys().isdisjoint({"InstanceType", "InitialInstanceCount"})
    assert deployment.resources("serving", _TARGET) == deployment.resources("serving", _POLICY) == {}
    assert deployment.resource("serving", _MODEL)["EnableNetworkIsolation"] is False
    assert "DeploymentConfig" not in deployment.resource("serving", _ENDPOINT)


def test_models_on_instances_have_no_network(deployments: dict[str, Deployment]) -> None:
    for name, deployment in deployments.items():
        for model in deployment.resources("serving", _MODEL).values():
            assert model["Properties"]["EnableNetworkIsolation"] is (name != "short")


def test_one_variant_with_local_storage_excludes_a_volume_key() -> None:
    package = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/topicsmith-test/7"
    for beside in (
        {"variants": [{"name": "B", "model_package": package, "weight": 1, "instance_type": "ml.m5d.large"}]},
        {"shadow": {"model_package": package, "instance_type": "ml.m5d.xlarge"}},
    ):
        (config,) = template_of("serving", serving=beside).find_resources(_CONFIG).values()
        assert "KmsKeyId" not in config["Properties"]


def test_an_update_retains_only_the_number_of_instances(deployments: dict[str, Deployment]) -> None:
    """Weights and data capture follow the environment's file."""
    for name, deployment in deployments.items():
        endpoint = deployment.resource("serving", _ENDPOINT)
        kept = endpoint.get("RetainAllVariantProperties"), endpoint.get("ExcludeRetainedVariantProperties")
        properties = [{"VariantPropertyType": "DesiredWeight"}, {"VariantPropertyType": "DataCaptureConfig"}]
        # A serverless endpoint has no instances to keep.
        assert kept == ((None, None) if name == "short" else (True, properties))


def test_all_requests_at_once() -> None:
    update = _update(update={"termination_wait_seconds": 120})["BlueGreenUpdatePolicy"]
    assert update == {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 120,
        "MaximumExecutionTimeoutInSeconds": 3600,
    }


def test_prod_updates_begin_with_a_canary_of_one_instance(deployments: dict[str, Deployment]) -> None:
    deployment = deployments["prod"]
    update = deployment.resource("serving", _ENDPOINT)["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert update["TrafficRoutingConfiguration"] == {
        "Type": "CANARY",
        "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
        "WaitIntervalInSeconds": 600,
    }
    assert update["TerminationWaitInSeconds"] == 600
    assert deployment.resource("serving", _TARGET)["MinCapacity"] >= 2


def test_steps_of_one_size(deployments: dict[str, Deployment]) -> None:
    update = deployments["builtin"].resource("serving", _ENDPOINT)["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert update["TrafficRoutingConfiguration"] == {
        "Type": "LINEAR",
        "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
        "WaitIntervalInSeconds": 600,
    }


def test_without_rollback_sagemaker_decides_how_variants_change() -> None:
    assert _update(update={"rollback": False}) is None


def test_a_change_of_the_update_alone_creates_another_configuration() -> None:
    # SageMaker may refuse an update to the configuration in use.
    def config(**update: Any) -> str:
        (name,) = template_of("serving", serving={"update": update}).find_resources(_CONFIG)
        return name

    names = {config(), config(termination_wait_seconds=600), config(max_execution_seconds=1800)}
    assert len(names) == 3
    assert config() in names


def test_without_autoscaling_only_the_targets_and_policies_are_missing() -> None:
    scaled, fixed = (template_of("serving", serving={"autoscaling": on}).to_json()["Resources"] for on in (True, False))
    gone = [scaled[name]["Type"] for name in scaled.keys() - fixed.keys()]
    assert set(gone) == {_TARGET, _POLICY}
    # An update of the endpoint at this step would be one to the configuration in use.
    assert all(scaled[name] == one for name, one in fixed.items() if one["Type"] in (_CONFIG, _ENDPOINT, _MODEL))
