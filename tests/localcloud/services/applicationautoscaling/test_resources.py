"""Autoscaling in CloudFormation."""

import json
from typing import Any

from tests.localcloud.services.applicationautoscaling.support import (
    DIMENSION,
    INVOCATIONS,
    counts,
    resource_of,
)
from tests.localcloud.services.sagemaker.hosting.support import (
    make_endpoint,
    make_model,
    settled,
    variant_of,
)
from tests.localcloud.support import SmallCloud, wait_for


def _template(least: int, hour: int | None) -> dict[str, Any]:
    action = {
        "ScheduledActionName": f"at-{hour}",
        "Schedule": f"cron(0 {hour} * * ? *)",
        "Timezone": "Europe/Berlin",
        "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 1},
    }
    resource = resource_of("scaling-of-a-template")
    return {
        "Resources": {
            "Target": {
                "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
                "Properties": {
                    **resource,
                    "MinCapacity": least,
                    "MaxCapacity": 3,
                    "ScheduledActions": [action] if hour else [],
                },
            },
            "Policy": {
                "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
                "Properties": {
                    "PolicyName": "InvocationsPerInstance",
                    "PolicyType": "TargetTrackingScaling",
                    "ScalingTargetId": {"Ref": "Target"},
                    "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 600, **INVOCATIONS},
                },
            },
        }
    }


def test_target_policy_and_actions_of_a_stack(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "scaling-of-a-template", "1")
    client, target_tracking = cloud.client("cloudformation"), cloud.client("application-autoscaling")

    def settle(status: str) -> None:
        def look() -> bool:
            (stack,) = client.describe_stacks(StackName="scaling")["Stacks"]
            assert "ROLLBACK" not in stack["StackStatus"], client.describe_stack_events(StackName="scaling")
            return bool(stack["StackStatus"] == status)

        wait_for(look)

    def actions() -> list[str]:
        found = target_tracking.describe_scheduled_actions(
            ServiceNamespace="sagemaker", ResourceId=resource_of("scaling-of-a-template")["ResourceId"]
        )
        return [action["ScheduledActionName"] for action in found["ScheduledActions"]]

    client.create_stack(StackName="scaling", TemplateBody=json.dumps(_template(1, 3)))
    settle("CREATE_COMPLETE")
    (policy,) = target_tracking.describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId=resource_of("scaling-of-a-template")["ResourceId"]
    )["ScalingPolicies"]
    assert len(policy["Alarms"]) == 2
    resources = client.describe_stack_resources(StackName="scaling")["StackResources"]
    assert {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources} == {
        "Target": f"endpoint/scaling-of-a-template/variant/AllTraffic|{DIMENSION}|sagemaker",
        "Policy": policy["PolicyARN"],
    }
    assert actions() == ["at-3"]
    client.update_stack(StackName="scaling", TemplateBody=json.dumps(_template(2, 4)))
    settle("UPDATE_COMPLETE")
    assert actions() == ["at-4"]
    wait_for(lambda: counts(cloud, "scaling-of-a-template") == (2, 2))
    client.delete_stack(StackName="scaling")
    targets = lambda: target_tracking.describe_scalable_targets(  # noqa: E731
        ServiceNamespace="sagemaker", ResourceIds=[resource_of("scaling-of-a-template")["ResourceId"]]
    )["ScalableTargets"]
    wait_for(lambda: not targets())
    assert actions() == []


def _served(instance_type: str, *, scaled: bool) -> str:
    """Return a template of an endpoint with the model ``retyped``, whose variant may be scaled."""
    variant = variant_of("retyped") | {"InstanceType": instance_type}
    resources: dict[str, Any] = {
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {
                "EndpointName": "retyped",
                "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
                "RetainAllVariantProperties": True,
            },
        },
    }
    if scaled:
        limits = {"MinCapacity": 1, "MaxCapacity": 2}
        resources["Target"] = {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {**resource_of("retyped"), **limits},
            "DependsOn": "Endpoint",
        }
    return json.dumps({"Resources": resources})


def test_scaled_variant_of_a_stack_gets_another_instance_type_in_three_steps(cloud: SmallCloud) -> None:
    make_model(cloud, "retyped", "1")
    client = cloud.client("cloudformation")

    def ends(status: str) -> None:
        def look() -> bool:
            found = str(client.describe_stacks(StackName="retyped")["Stacks"][0]["StackStatus"])
            return not found.endswith("_IN_PROGRESS") and found == status

        wait_for(look)

    client.create_stack(StackName="retyped", TemplateBody=_served("ml.m6i.large", scaled=True))
    ends("CREATE_COMPLETE")
    client.update_stack(StackName="retyped", TemplateBody=_served("ml.m6i.xlarge", scaled=True))
    ends("UPDATE_ROLLBACK_COMPLETE")
    events = client.describe_stack_events(StackName="retyped")["StackEvents"]
    assert any("must be deregistered as scalable target" in one.get("ResourceStatusReason", "") for one in events)
    for instance_type, scaled in (("ml.m6i.large", False), ("ml.m6i.xlarge", False), ("ml.m6i.xlarge", True)):
        client.update_stack(StackName="retyped", TemplateBody=_served(instance_type, scaled=scaled))
        ends("UPDATE_COMPLETE")
    assert settled(cloud, "retyped")["EndpointStatus"] == "InService"
    client.delete_stack(StackName="retyped")
