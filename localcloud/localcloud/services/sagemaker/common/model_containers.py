"""Containers of models, defined by the model or by its model package."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.sagemaker.models import Model, ModelPackage, SageMakerModelBackend, sagemaker_backends

from localcloud.authorization import resource_policies
from localcloud.core.errors import LocalCloudError
from localcloud.core.policy import AccessRequest, Effect, account_of, evaluate


class DeploymentFailed(LocalCloudError):
    """An endpoint configuration could not be deployed; the message is the endpoint's failure reason."""


@dataclass(frozen=True)
class ContainerDefinition:
    """A model's container, defined by the model or by its model package."""

    image: str
    model_data_url: str | None
    environ: Mapping[str, str]


def container_of(backend: SageMakerModelBackend, definition: Mapping[str, Any]) -> ContainerDefinition:
    """Return the container of a ``ContainerDefinition`` of CreateModel.

    Raises:
        DeploymentFailed: It names neither an image nor a model package with one container.
        ValidationError: The model package does not exist.
    """
    environ = {name: str(value) for name, value in (definition.get("Environment") or {}).items()}
    package_name = definition.get("ModelPackageName")
    if package_name:
        package = _package(backend, package_name)
        containers = (package.inference_specification or {}).get("Containers") or []
        if len(containers) != 1:
            raise DeploymentFailed(f"Model package {package_name} has {len(containers)} containers; one is supported.")
        environ = {**containers[0].get("Environment", {}), **environ}
        definition = containers[0]
    if not definition.get("Image"):
        raise DeploymentFailed("The model's container names neither an Image nor a ModelPackageName.")
    return ContainerDefinition(definition["Image"], definition.get("ModelDataUrl"), environ)


def require_deployable(backend: SageMakerModelBackend, definition: Mapping[str, Any]) -> None:
    """Check that a model may be created from a container's model package, if it names one.

    A versioned package must be approved (``ModelApprovalStatus`` of
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html), and another account's
    package must be shared by its group's policy.

    Raises:
        DeploymentFailed: The package is not approved or not shared.
        ValidationError: The model package does not exist.
    """
    name = definition.get("ModelPackageName")
    if not name:
        return
    if _is_foreign(backend, name):
        _require_shared(name, backend.account_id)
    package = _package(backend, name)
    if package.model_package_group_name and package.model_approval_status != "Approved":
        raise DeploymentFailed(
            f"Model package {package.arn} has ModelApprovalStatus {package.model_approval_status}; a model is created "
            "only of one that is Approved."
        )


def _require_shared(package_arn: str, account_id: str) -> None:
    action, principal = "sagemaker:CreateModel", f"arn:aws:iam::{account_id}:root"
    request = AccessRequest(principal, action, package_arn, {"aws:principalaccount": account_id})
    if evaluate(resource_policies.statements(action, package_arn) or [], request) is not Effect.ALLOW:
        raise DeploymentFailed(
            f"User: {principal} is not authorized to perform: {action} on resource: {package_arn} because no "
            f"resource-based policy allows the {action} action"
        )


def _package(backend: SageMakerModelBackend, name: str) -> ModelPackage:
    if _is_foreign(backend, name):
        _, _, _, region, account, _ = name.split(":", 5)
        backend = sagemaker_backends[account][region]
    return backend.describe_model_package(name)


def _is_foreign(backend: SageMakerModelBackend, name: str) -> bool:
    return account_of(name) not in (None, backend.account_id)


def sole_container(model: Model) -> Mapping[str, Any]:
    """Return a model's only container definition.

    Raises:
        DeploymentFailed: The model has none or several.
    """
    containers = [model.primary_container] if model.primary_container else list(model.containers)
    if len(containers) != 1:
        raise DeploymentFailed(f"Model {model.model_name} has {len(containers)} containers; one is supported.")
    return containers[0]
