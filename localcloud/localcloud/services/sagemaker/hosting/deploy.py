"""Deployment of an endpoint configuration: fetches its models and starts its workers."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from moto.sagemaker.models import SageMakerModelBackend

from localcloud.authorization.enforcement import NotAuthorized
from localcloud.authorization.network_interfaces import connect_to_vpc
from localcloud.core.role_sessions import SAGEMAKER, AccessDenied, RoleSession, assume_role
from localcloud.core.settings import state_dir
from localcloud.runtime.container_environment import HOSTING, container_environment
from localcloud.runtime.images import ImageUnavailable, pull
from localcloud.runtime.s3_data import DataError, download_file, unpack_archive
from localcloud.services.sagemaker.common.model_containers import DeploymentFailed, container_of, sole_container
from localcloud.services.sagemaker.hosting.data_capture import CaptureConfig, DataCapture
from localcloud.services.sagemaker.hosting.deployment import Deployment
from localcloud.services.sagemaker.hosting.endpoint_configs import LocalEndpointConfig
from localcloud.services.sagemaker.hosting.fleet import Fleet
from localcloud.services.sagemaker.hosting.metrics import Source
from localcloud.services.sagemaker.hosting.serverless import ServerlessPool
from localcloud.services.sagemaker.hosting.variant import Variant
from localcloud.services.sagemaker.hosting.variant_properties import Retained
from localcloud.services.sagemaker.hosting.worker import ServingContainer
from localcloud.services.sagemaker.hosting.worker_pool import STARTUP_SECONDS, PoolFailed

OnSetup = Callable[[Source, float], None]
"""Called with a variant and the seconds that one of its requests waited for a new worker."""


def deploy(
    backend: SageMakerModelBackend,
    endpoint_name: str,
    config: LocalEndpointConfig,
    retained: Retained,
    on_setup: OnSetup,
) -> Deployment:
    """Fetch the models of an endpoint configuration, start its workers, and wait until all of them respond.

    Args:
        backend: Backend with the models and model packages.
        endpoint_name: Name of the endpoint.
        config: The endpoint configuration.
        retained: Variant properties that override the configuration.
        on_setup: Called when a request waited for a serverless worker.

    Raises:
        DeploymentFailed: Something is missing, not readable or does not start; everything started is cleaned up.
    """
    directory = state_dir() / "endpoints" / endpoint_name / secrets.token_hex(4)
    session = endpoint_role(backend, endpoint_name, config)
    captured = CaptureConfig.of(config.data_capture_config)
    capture = DataCapture(captured, endpoint_name, session) if captured else None
    deployment = Deployment(config, directory, capture)
    with ExitStack() as undo:
        undo.callback(deployment.retire)
        for name, variant in _variants(backend, endpoint_name, config, retained, on_setup, directory):
            try:
                variant.pool.start(_startup_seconds(variant.spec))
            except PoolFailed as error:
                raise DeploymentFailed(str(error)) from error
            if name in config.shadow_names:
                deployment.add_shadow(variant)
            else:
                deployment.variants[name] = variant
        undo.pop_all()
    return deployment


def endpoint_role(backend: SageMakerModelBackend, endpoint_name: str, config: LocalEndpointConfig) -> RoleSession:
    """Return the endpoint's role, taken from its first model.

    Raises:
        DeploymentFailed: The role does not exist, or SageMaker may not assume it.
    """
    model = backend.describe_model(config.production_variants[0]["ModelName"])
    try:
        return assume_role(model.execution_role_arn, SAGEMAKER, endpoint_name, backend.region_name)
    except AccessDenied as error:
        raise DeploymentFailed(str(error)) from error


def _variants(
    backend: SageMakerModelBackend,
    endpoint_name: str,
    config: LocalEndpointConfig,
    retained: Retained,
    on_setup: OnSetup,
    directory: Path,
) -> Iterator[tuple[str, Variant]]:
    """Yield each variant, with its workers not yet started."""
    for spec in (*config.production_variants, *config.shadow_production_variants):
        name = spec["VariantName"]
        serving = _prepare(backend, endpoint_name, spec, directory / name, isolated=config.enable_network_isolation)
        count = retained.count(spec)
        pool: Fleet | ServerlessPool
        if count is None:
            pool = ServerlessPool(
                serving, spec["ServerlessConfig"], partial(on_setup, Source(name, config.endpoint_config_name))
            )
        else:
            pool = Fleet(serving, count)
        yield name, Variant(spec, pool, retained.weight(spec), serving.image.uri)


def _startup_seconds(spec: Mapping[str, Any]) -> float:
    return float(spec.get("ContainerStartupHealthCheckTimeoutInSeconds") or STARTUP_SECONDS)


def _prepare(
    backend: SageMakerModelBackend, endpoint_name: str, spec: Mapping[str, Any], base: Path, *, isolated: bool
) -> ServingContainer:
    """Fetch a variant's image and model."""
    model = backend.describe_model(spec["ModelName"])
    container = container_of(backend, sole_container(model))
    try:
        session = assume_role(model.execution_role_arn, SAGEMAKER, endpoint_name, backend.region_name)
        connect_to_vpc(session, model.vpc_config)
        image = pull(container.image, session).require("serve")
        (base / "model").mkdir(parents=True)
        if container.model_data_url:
            archive = base / "model.tar.gz"
            download_file(session, container.model_data_url, archive)
            unpack_archive(archive, base / "model")
            archive.unlink()
    except NotAuthorized as denial:
        raise DeploymentFailed(str(denial.message)) from denial
    except (AccessDenied, ImageUnavailable, DataError) as error:
        raise DeploymentFailed(str(error)) from error
    isolated = isolated or model.enable_network_isolation
    environ = container_environment(HOSTING, session, requested=container.environ, isolated=isolated)
    return ServingContainer(endpoint_name, spec["VariantName"], image, base, environ, session)
