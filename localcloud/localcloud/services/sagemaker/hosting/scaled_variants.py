"""Variants that Application Auto Scaling holds: SageMaker does not change their instances or remove them."""

from collections.abc import Iterator

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.sagemaker.exceptions import ValidationError

from localcloud.services.sagemaker.hosting.endpoint_configs import LocalEndpointConfig
from localcloud.services.sagemaker.hosting.record import LocalEndpoint

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def require_deregistered(endpoint: LocalEndpoint, config: LocalEndpointConfig) -> None:
    """Check that an update leaves the scaled variants of an endpoint with their instance types.

    See https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-delete.html.

    Raises:
        ValidationError: The update removes a scaled variant or changes its instance type.
    """
    held = sorted(set(_scaled(endpoint)) & set(_changed(endpoint, config)))
    if held:
        raise ValidationError(
            f'The variant(s) "[{", ".join(held)}]" must be deregistered as scalable target with AutoScaling before '
            "they can be removed or have their instance type updated."
        )


def _scaled(endpoint: LocalEndpoint) -> Iterator[str]:
    targets = applicationautoscaling_backends[endpoint.account_id][endpoint.region_name].targets
    prefix = f"endpoint/{endpoint.endpoint_name}/variant/"
    return (name.removeprefix(prefix) for name in targets.get(_DIMENSION, {}) if name.startswith(prefix))


def _changed(endpoint: LocalEndpoint, config: LocalEndpointConfig) -> Iterator[str]:
    after = {spec["VariantName"]: spec.get("InstanceType") for spec in config.production_variants}
    for variant in endpoint.traffic.serving.variants.values() if endpoint.traffic.serving else ():
        if variant.name not in after or after[variant.name] != variant.spec.get("InstanceType"):
            yield variant.name
