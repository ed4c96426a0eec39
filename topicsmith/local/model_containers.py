"""What a model runs: its container, whether the model names it or a model package does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.sagemaker.models import Model, SageMakerModelBackend


class DeploymentFailed(Exception):
    """An endpoint configuration could not be brought to life; the message is the endpoint's failure reason."""


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
