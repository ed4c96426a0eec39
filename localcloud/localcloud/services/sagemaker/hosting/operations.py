"""Long-running operations on an endpoint, each in its own thread: creation, update, scaling.

Statuses: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import SageMakerModelBackend

from localcloud.services.sagemaker.common.model_containers import DeploymentFailed
from localcloud.services.sagemaker.hosting.blue_green import AlarmWatch, RolledBack, Rollout
from localcloud.services.sagemaker.hosting.deploy import deploy, endpoint_role
from localcloud.services.sagemaker.hosting.deployment import Deployment
from localcloud.services.sagemaker.hosting.endpoint_configs import LocalEndpointConfig
from localcloud.services.sagemaker.hosting.fleet import Fleet
from localcloud.services.sagemaker.hosting.record import LocalEndpoint, PendingDeployment
from localcloud.services.sagemaker.hosting.serverless import ServerlessPool
from localcloud.services.sagemaker.hosting.update_policies import UpdatePolicy
from localcloud.services.sagemaker.hosting.variant_properties import Retained

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_EXPECTED = (DeploymentFailed, RolledBack, ValidationError)


def create(endpoint: LocalEndpoint, backend: SageMakerModelBackend, config: LocalEndpointConfig) -> None:
    """Create an endpoint, which ends ``InService`` or ``Failed``."""
    deployed = endpoint.deployed
    try:
        deployment = _deploy(endpoint, backend, config, Retained())
    except Exception as error:
        reason = _reason(endpoint, error)
        endpoint.pending = None
        endpoint.go_to("Failed", reason)
        deployed.set_exception(ValidationError(reason))
        return
    endpoint.traffic.offer(deployment)
    endpoint.traffic.promote()
    endpoint.pending = None
    endpoint.go_to("InService")
    deployed.set_result(None)


def update(
    endpoint: LocalEndpoint,
    backend: SageMakerModelBackend,
    config: LocalEndpointConfig,
    retained: Retained,
    policy: UpdatePolicy,
    shares: Sequence[float],
) -> None:
    """Shift an endpoint's traffic to another configuration, and roll back on failure.

    Args:
        endpoint: The endpoint, in status ``Updating``.
        backend: Backend with the models.
        config: The new configuration.
        retained: Variant properties kept from the old configuration.
        policy: The update policy.
        shares: The new fleet's share of the traffic after each step.
    """
    deployed = endpoint.deployed
    try:
        _roll_out(endpoint, backend, config, retained, policy, shares)
    except Exception as error:
        reason = _reason(endpoint, error)
        endpoint.go_to("RollingBack", reason)
        withdrawn = endpoint.traffic.withdraw()
        endpoint.pending = None
        if withdrawn:
            withdrawn.retire()
        endpoint.go_to("InService")
        deployed.set_exception(ValidationError(reason))
        return
    before = endpoint.traffic.promote()
    endpoint.pending = None
    endpoint.endpoint_config_name = config.endpoint_config_name
    endpoint.go_to("InService")
    deployed.set_result(None)
    if before:
        before.retire()


def scale(endpoint: LocalEndpoint, desired: Mapping[str, Mapping[str, Any]]) -> None:
    """Change weights, numbers of instances and concurrency, and roll back if a new instance does not start.

    Args:
        endpoint: The endpoint, in status ``Updating``.
        desired: Elements of UpdateEndpointWeightsAndCapacities' request, by variant name.
    """
    deployment = endpoint.traffic.serving
    assert deployment is not None
    before = endpoint.retained()
    for variant in deployment.all_variants:
        wanted = desired.get(variant.name, {})
        if wanted.get("DesiredWeight") is not None:
            variant.weight = float(wanted["DesiredWeight"])
        if wanted.get("DesiredInstanceCount") is not None and isinstance(variant.pool, Fleet):
            variant.pool.resize(int(wanted["DesiredInstanceCount"]))
        if wanted.get("ServerlessUpdateConfig") and isinstance(variant.pool, ServerlessPool):
            variant.pool.reconfigure(wanted["ServerlessUpdateConfig"])
    reason = _wait_for_instances(deployment)
    if reason:
        endpoint.go_to("RollingBack", f"The endpoint could not be scaled. {reason}")
        for variant in deployment.all_variants:
            variant.weight = before.weights[variant.name]
            if isinstance(variant.pool, Fleet):
                variant.pool.resize(before.counts[variant.name])
    endpoint.go_to("InService")


def _roll_out(
    endpoint: LocalEndpoint,
    backend: SageMakerModelBackend,
    config: LocalEndpointConfig,
    retained: Retained,
    policy: UpdatePolicy,
    shares: Sequence[float],
) -> None:
    began = time.monotonic()
    watch = AlarmWatch(endpoint_role(backend, endpoint.endpoint_name, config), policy.alarms)
    watch.tripped()  # Report unreadable alarms before anything starts.
    deployment = _deploy(endpoint, backend, config, retained)
    endpoint.traffic.offer(deployment)

    def on_stage(stage: str, share: float) -> None:
        endpoint.traffic.shift(share)
        if endpoint.pending:
            endpoint.pending.enter(stage)

    Rollout(policy, shares, watch=watch, failing=deployment.failing, on_stage=on_stage, began=began).run()


def _deploy(
    endpoint: LocalEndpoint, backend: SageMakerModelBackend, config: LocalEndpointConfig, retained: Retained
) -> Deployment:
    endpoint.pending = PendingDeployment(config, retained)
    return deploy(backend, endpoint.endpoint_name, config, retained, endpoint.metrics.record_setup)


def _wait_for_instances(deployment: Deployment) -> str | None:
    """Wait until each variant has its desired number of instances; return the reason if one never will."""
    while any(variant.instance_count != variant.desired_count for variant in deployment.all_variants):
        reason = deployment.failing()
        if reason:
            return reason
        time.sleep(_POLL_SECONDS)
    return None


def _reason(endpoint: LocalEndpoint, error: Exception) -> str:
    if isinstance(error, _EXPECTED):
        return str(error)
    logger.error("Endpoint %s failed unexpectedly", endpoint.endpoint_name, exc_info=error)
    return f"InternalServerError: {error}"
