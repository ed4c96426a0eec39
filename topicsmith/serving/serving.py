"""Endpoint of an environment and the model that it serves."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from topicsmith.core.aws import Clients
from topicsmith.core.environment import Deployment
from topicsmith.core.errors import OperatorError, is_missing
from topicsmith.models import models
from topicsmith.models.models import ModelVersion
from topicsmith.runs.runs import id_of

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

# Further variants may exist; their models are pinned by the environment.
_APPROVED_VARIANT = "AllTraffic"


@dataclass(frozen=True)
class Endpoint:
    """Current state of an endpoint.

    Attributes:
        status: SageMaker's EndpointStatus, for example InService, Creating, Updating or Failed.
        model_package: ARN of the served model package; None if the model is not from a registry.
        failure: SageMaker's FailureReason.
        variants: Names of the production variants.
    """

    name: str
    status: str
    model_package: str | None
    failure: str | None
    variants: tuple[str, ...]

    def serves(self, model: ModelVersion) -> bool:
        """Return whether ``model`` answers requests."""
        return self.status == "InService" and self.model_package == model.arn

    @property
    def model_version(self) -> int | None:
        """Served model version."""
        return int(id_of(self.model_package)) if self.model_package else None

    def record(self) -> dict[str, object]:
        """Return the endpoint as ``--json`` prints it."""
        return {
            "endpoint": self.name,
            "status": self.status,
            "model_version": self.model_version,
            "failure": self.failure,
        }


def endpoint(sagemaker: "SageMakerClient", name: str) -> Endpoint | None:
    """Return the endpoint ``name``, or None if it does not exist (yet)."""
    from botocore.exceptions import ClientError

    try:
        answer = sagemaker.describe_endpoint(EndpointName=name)
        config = sagemaker.describe_endpoint_config(EndpointConfigName=answer["EndpointConfigName"])
        variants = {one["VariantName"]: one.get("ModelName") for one in config["ProductionVariants"]}
        # An endpoint deployed by other means may have one variant with another name.
        model = variants.get(_APPROVED_VARIANT, next(iter(variants.values())))
        model_package = _model_package(sagemaker, model) if model else None
    except ClientError as error:
        if not is_missing(error):
            raise
        return None
    return Endpoint(name, answer["EndpointStatus"], model_package, answer.get("FailureReason"), tuple(variants))


def require(clients: Clients, deployment: Deployment) -> Endpoint:
    """Return the endpoint of an environment, ready for requests.

    Raises:
        OperatorError: No model is served (yet); the message states the next step.
    """
    found = endpoint(clients.sagemaker, deployment.endpoint)
    if found is None:
        raise _nothing_served(clients, deployment)
    if found.status in {"Creating", "Failed", "OutOfService", "Deleting"}:
        because = f": {found.failure}" if found.failure else ""
        raise OperatorError(
            f"Endpoint {found.name} does not answer: it is {found.status}{because}.",
            "This takes a few minutes. Try again later." if found.status == "Creating" else _stack_step(deployment),
        )
    return found


def _nothing_served(clients: Clients, deployment: Deployment) -> OperatorError:
    message = f"Nothing is served in {deployment.environment}: endpoint {deployment.endpoint} does not exist."
    versions = models.latest(clients.sagemaker, deployment.model_package_group, 1)
    if not versions:
        return OperatorError(
            f"{message} No model has been registered yet.", f"Train one: {deployment.command('run corpus.csv')}"
        )
    newest = versions[0]
    if newest.approval == "Approved":
        return OperatorError(
            f"{message} Version {newest.version} is approved but not deployed.", _stack_step(deployment)
        )
    return OperatorError(
        f"{message} No model is approved; the newest version, {newest.version}, is {newest.approval}.",
        f"Approve it: {deployment.command(f'approve {newest.version} --wait')}",
    )


def _model_package(sagemaker: "SageMakerClient", model_name: str) -> str | None:
    model = sagemaker.describe_model(ModelName=model_name)
    containers = [*([model["PrimaryContainer"]] if "PrimaryContainer" in model else []), *model.get("Containers", [])]
    return next((c["ModelPackageName"] for c in containers if "ModelPackageName" in c), None)


def _stack_step(deployment: Deployment) -> str:
    return f"Check the events of stack {deployment.serving_stack} in CloudFormation."
