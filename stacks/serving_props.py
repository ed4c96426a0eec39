"""Properties of the endpoint, derived from an environment's configuration."""

from collections.abc import Sequence

from aws_cdk import CfnCondition, Duration

from constructs.data.data_bucket import CAPTURED, DataBucket
from constructs.network.placement import NetworkPlacement
from constructs.promotion.promoted_models import endpoint_role_name
from constructs.serving.autoscaling import ScalingTargets, ScheduledCapacity
from constructs.serving.data_capture import DataCapture
from constructs.serving.deployment_config import BlueGreenUpdate, FleetShare, Routing
from constructs.serving.endpoint import TopicEndpointProps
from constructs.serving.variants import ALL_TRAFFIC, EndpointVariant, InstanceFleet, ServerlessCapacity
from stacks.config.environment import EnvironmentConfig

_ROUTINGS: dict[str, Routing] = {"all_at_once": "ALL_AT_ONCE", "canary": "CANARY", "linear": "LINEAR"}


def endpoint_props(
    config: EnvironmentConfig,
    *,
    name: str,
    data: DataBucket,
    model_package_arn: str,
    condition: CfnCondition | None,
    rollback_alarms: Sequence[str],
    network: NetworkPlacement | None = None,
) -> TopicEndpointProps:
    """Return the properties of the endpoint.

    Args:
        config: Configuration of the environment.
        name: Name of the endpoint.
        data: Data bucket, for captured data and the KMS key.
        model_package_arn: ARN of the approved model package.
        condition: Condition under which there is a model; None if there always is one.
        rollback_alarms: Names of the alarms that roll back an update.
        network: VPC placement; None for SageMaker's own network.
    """
    chosen = config.serving
    approved = EndpointVariant(
        name=ALL_TRAFFIC, model_package_arn=model_package_arn, weight=chosen.weight, capacity=_capacity(config)
    )
    return TopicEndpointProps(
        name=name,
        variants=[approved, *_further_variants(config)],
        shadow=_shadow(config, approved),
        key=data.key,
        scaling=ScalingTargets(
            invocations_per_instance=chosen.invocations_per_instance,
            cpu_percent=chosen.cpu_target,
            scale_in_cooldown=Duration.seconds(chosen.scale_in_cooldown_seconds),
            scale_out_cooldown=Duration.seconds(chosen.scale_out_cooldown_seconds),
        )
        if chosen.autoscaling
        else None,
        schedule=[
            ScheduledCapacity(
                name=change.name,
                schedule=change.schedule,
                timezone=change.timezone,
                min_instances=change.min_instances,
                max_instances=change.max_instances,
            )
            for change in chosen.scheduled_scaling
        ],
        data_capture=DataCapture(uri=data.uri(CAPTURED), sampling_percent=chosen.data_capture.sampling_percent)
        if chosen.data_capture.enabled
        else None,
        update=_update(config),
        rollback_alarms=rollback_alarms,
        network=network,
        condition=condition,
        # Named for both promotion methods, since changing the name replaces the role.
        role_name=endpoint_role_name(name) if config.promotion.source else None,
    )


def _capacity(config: EnvironmentConfig) -> InstanceFleet | ServerlessCapacity:
    chosen = config.serving
    if chosen.mode == "serverless":
        return ServerlessCapacity(
            memory_mb=chosen.serverless.memory_mb,
            max_concurrency=chosen.serverless.max_concurrency,
            provisioned_concurrency=chosen.serverless.provisioned_concurrency,
        )
    return InstanceFleet(
        instance_type=chosen.instance_type, min_instances=chosen.min_instances, max_instances=chosen.max_instances
    )


def _further_variants(config: EnvironmentConfig) -> Sequence[EndpointVariant]:
    return [
        EndpointVariant(
            name=variant.name,
            model_package_arn=variant.model_package,
            weight=variant.weight,
            capacity=InstanceFleet(
                instance_type=variant.instance_type,
                min_instances=variant.min_instances,
                max_instances=variant.max_instances,
            ),
        )
        for variant in config.serving.variants
    ]


def _shadow(config: EnvironmentConfig, approved: EndpointVariant) -> EndpointVariant | None:
    chosen = config.serving.shadow
    if chosen is None:
        return None
    return EndpointVariant.shadow_of(
        approved,
        model_package_arn=chosen.model_package,
        sampling_percent=chosen.sampling_percent,
        instance_type=chosen.instance_type,
        instances=chosen.instances,
    )


def _update(config: EnvironmentConfig) -> BlueGreenUpdate | None:
    chosen = config.serving.update
    if config.serving.mode == "serverless" or not chosen.rollback:
        return None
    step = None
    if chosen.size_percent is not None:
        step = FleetShare(kind="CAPACITY_PERCENT", value=chosen.size_percent)
    elif chosen.size_instances is not None:
        step = FleetShare(kind="INSTANCE_COUNT", value=chosen.size_instances)
    return BlueGreenUpdate(
        routing=_ROUTINGS[chosen.policy],
        step=step,
        wait=Duration.seconds(chosen.wait_seconds if step else 0),
        termination_wait=Duration.seconds(chosen.termination_wait_seconds),
        max_execution=Duration.seconds(chosen.max_execution_seconds),
    )
