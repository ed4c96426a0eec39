"""Deployments: an endpoint configuration brought to life, a fleet of workers for each production variant."""

import random
import secrets
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.sagemaker.models import FakeEndpointConfig, Model, SageMakerModelBackend

from topicsmith.local.containers import container_credentials
from topicsmith.local.fleets import STARTUP_SECONDS, Fleet, FleetFailed, ServingContainer
from topicsmith.local.identity import SAGEMAKER, AccessDenied, assume_role
from topicsmith.local.images import ImageUnavailable, pull
from topicsmith.local.s3_data import DataError, download_file, unpack_archive
from topicsmith.local.settings import state_dir


class DeploymentFailed(Exception):
    """An endpoint configuration could not be brought to life; the message is the endpoint's failure reason."""


class UnknownVariantError(Exception):
    """A request is for a production variant that the endpoint does not have."""


@dataclass(frozen=True)
class ContainerDefinition:
    """A model's container, whether the model names it or a model package does."""

    image: str
    model_data_url: str | None
    environ: Mapping[str, str]


def container_of(backend: SageMakerModelBackend, definition: Mapping[str, Any]) -> ContainerDefinition:
    """Return what a ``ContainerDefinition`` of CreateModel comes to.

    Raises:
        DeploymentFailed: it names neither an image nor a model package with one container.
    """
    environ = {name: str(value) for name, value in (definition.get("Environment") or {}).items()}
    package_name = definition.get("ModelPackageName")
    if package_name:
        package = backend.describe_model_package(package_name)
        containers = (package.inference_specification or {}).get("Containers") or []
        if len(containers) != 1:
            raise DeploymentFailed(f"Model package {package_name} has {len(containers)} containers; one is supported.")
        environ = {**containers[0].get("Environment", {}), **environ}
        definition = containers[0]
    if not definition.get("Image"):
        raise DeploymentFailed("The model's container names neither an Image nor a ModelPackageName.")
    return ContainerDefinition(definition["Image"], definition.get("ModelDataUrl"), environ)


def sole_container(model: Model) -> Mapping[str, Any]:
    """Return a model's one container definition.

    Raises:
        DeploymentFailed: it has none, or several.
    """
    containers = [model.primary_container] if model.primary_container else list(model.containers)
    if len(containers) != 1:
        raise DeploymentFailed(f"Model {model.model_name} has {len(containers)} containers; one is supported.")
    return containers[0]


class Deployment:
    """The fleets of one endpoint configuration.

    Args:
        fleets: by the name of the variant.
        weights: the variants' weights.
        directory: where the models lie.
    """

    def __init__(self, fleets: dict[str, Fleet], weights: dict[str, float], directory: Path):
        self.fleets = fleets
        self.weights = weights
        self._directory = directory

    def choose(self, target_variant: str | None) -> tuple[str, Fleet]:
        """Return the variant that a request goes to: the one that it names, or one by the weights.

        Raises:
            UnknownVariantError: there is no variant of that name.
        """
        if target_variant:
            if target_variant not in self.fleets:
                raise UnknownVariantError(target_variant)
            return target_variant, self.fleets[target_variant]
        names = list(self.fleets)
        weights = [self.weights[name] for name in names]
        name = random.choices(names, weights)[0] if sum(weights) > 0 else names[0]
        return name, self.fleets[name]

    def retire(self) -> None:
        """Let requests under way finish, end the workers and delete the models."""
        for fleet in self.fleets.values():
            fleet.retire()
        shutil.rmtree(self._directory, ignore_errors=True)


def deploy(
    backend: SageMakerModelBackend, endpoint_name: str, config: FakeEndpointConfig, counts: Mapping[str, int]
) -> Deployment:
    """Bring the models of an endpoint configuration, start their workers, and return when all of them answer.

    Args:
        backend: where the models and model packages are.
        endpoint_name: of the endpoint.
        config: the endpoint configuration.
        counts: the number of workers of variants for which it is not the configuration's.

    Raises:
        DeploymentFailed: something is missing, may not be read, or does not come up; nothing of it is left.
    """
    directory = state_dir() / "endpoints" / endpoint_name / secrets.token_hex(4)
    fleets: dict[str, Fleet] = {}
    weights: dict[str, float] = {}
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, directory, ignore_errors=True)
        for variant in config.production_variants:
            name = variant["VariantName"]
            serving = _prepare(backend, endpoint_name, variant, directory / name)
            count = counts.get(name, int(variant.get("InitialInstanceCount", 1)))
            seconds = float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds") or STARTUP_SECONDS)
            fleet = Fleet(serving, count)
            try:
                fleet.start(seconds)
            except FleetFailed as error:
                raise DeploymentFailed(str(error)) from error
            undo.callback(fleet.retire)
            fleets[name] = fleet
            weights[name] = float(variant.get("InitialVariantWeight", 1.0))
        undo.pop_all()
    return Deployment(fleets, weights, directory)


def _prepare(
    backend: SageMakerModelBackend, endpoint_name: str, variant: Mapping[str, Any], base: Path
) -> ServingContainer:
    """Bring one variant's image and model."""
    model = backend.describe_model(variant["ModelName"])
    container = container_of(backend, sole_container(model))
    try:
        session = assume_role(model.execution_role_arn, SAGEMAKER, endpoint_name, backend.region_name)
        image = pull(container.image, session).require("serve")
        (base / "model").mkdir(parents=True)
        if container.model_data_url:
            archive = base / "model.tar.gz"
            download_file(session, container.model_data_url, archive)
            unpack_archive(archive, base / "model")
            archive.unlink()
    except (AccessDenied, ImageUnavailable, DataError) as error:
        raise DeploymentFailed(str(error)) from error
    environ = {**container.environ, **container_credentials(session, isolated=model.enable_network_isolation)}
    return ServingContainer(endpoint_name, variant["VariantName"], image, base, environ, session)
