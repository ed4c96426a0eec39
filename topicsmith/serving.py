"""The endpoint of an environment: what it serves, and how an approved model gets there."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topicsmith import function_log, models
from topicsmith.aws import Clients
from topicsmith.environment import Deployment
from topicsmith.errors import OperatorError, is_missing
from topicsmith.models import ModelVersion
from topicsmith.runs import id_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef
    from mypy_boto3_sagemaker import SageMakerClient

# On one machine; on AWS ``Clients.patience`` times as long. An approval reaches the stack through EventBridge and a
# Lambda function, then the endpoint's instances start.
_SECONDS_UNTIL_THE_STACK_MOVES = 30.0
_SECONDS_UNTIL_IN_SERVICE = 300.0


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as it is now.

    Attributes:
        status: SageMaker's EndpointStatus, for example InService, Creating, Updating or Failed.
        model_package: the ARN of the model package that it serves, if it serves one from a registry.
        failure: SageMaker's FailureReason.
    """

    name: str
    status: str
    model_package: str | None
    failure: str | None

    def serves(self, model: ModelVersion) -> bool:
        """Tell whether requests are answered by ``model``."""
        return self.status == "InService" and self.model_package == model.arn

    @property
    def model_version(self) -> int | None:
        """The version that it serves."""
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
    """Return the endpoint ``name``, or None if there is none (yet)."""
    from botocore.exceptions import ClientError

    try:
        answer = sagemaker.describe_endpoint(EndpointName=name)
        model_package = _model_package(sagemaker, answer["EndpointConfigName"])
    except ClientError as error:
        if not is_missing(error):
            raise
        return None
    return Endpoint(name, answer["EndpointStatus"], model_package, answer.get("FailureReason"))


def require(clients: Clients, deployment: Deployment) -> Endpoint:
    """Return the endpoint of an environment, able to answer.

    Raises:
        OperatorError: nothing is served, or not yet; it says what to do.
    """
    found = endpoint(clients.sagemaker, deployment.endpoint)
    if found is None:
        raise _nothing_served(clients, deployment)
    if found.status in {"Creating", "Failed", "OutOfService", "Deleting"}:
        because = f": {found.failure}" if found.failure else ""
        raise OperatorError(
            f"Endpoint {found.name} does not answer: it is {found.status}{because}.",
            "It takes a few minutes; try again." if found.status == "Creating" else _stack_step(deployment),
        )
    return found


def wait_until_served(
    clients: Clients,
    deployment: Deployment,
    model: ModelVersion,
    last_event: str | None,
    tell: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Endpoint:
    """Wait until the endpoint serves ``model``, and return it.

    Args:
        clients: the cloud.
        deployment: the environment.
        model: an approved model.
        last_event: ``last_stack_event`` from before the approval: what failed earlier does not count.
        tell: hears each change of the endpoint and the stack.
        sleep: waits between two looks.
        clock: seconds, from any start.

    Raises:
        OperatorError: the stack did not move, its update failed, the endpoint failed, or it takes too long.
    """
    started, told, moved = clock(), "", False
    while True:
        found = endpoint(clients.sagemaker, deployment.endpoint)
        if found and found.serves(model):
            return found
        events = _events_since(clients.cloudformation, deployment.serving_stack, last_event)
        moved = moved or bool(events)
        _raise_if_failed(deployment, found, events)
        waited = clock() - started
        if not moved and waited > _SECONDS_UNTIL_THE_STACK_MOVES * clients.patience:
            raise _stack_did_not_move(clients, deployment)
        if waited > _SECONDS_UNTIL_IN_SERVICE * clients.patience:
            raise OperatorError(
                f"{deployment.endpoint} does not serve version {model.version} after {waited / 60:.0f} minutes.",
                _stack_step(deployment),
            )
        state = f"endpoint {found.status if found else 'not there yet'}"
        if state != told:
            tell(state)
            told = state
        sleep(clients.poll_seconds)


def last_stack_event(cloudformation: "CloudFormationClient", stack: str) -> str | None:
    """Return the id of the latest event of a stack."""
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return events[0]["EventId"] if events else None


def _events_since(cloudformation: "CloudFormationClient", stack: str, last: str | None) -> list["StackEventTypeDef"]:
    """Return the events after ``last``, newest first; the latest hundred are enough for an update."""
    events = []
    for event in cloudformation.describe_stack_events(StackName=stack)["StackEvents"]:
        if event["EventId"] == last:
            break
        events.append(event)
    return events


def _raise_if_failed(deployment: Deployment, found: Endpoint | None, events: list["StackEventTypeDef"]) -> None:
    failed = [event for event in events if event.get("ResourceStatus", "").endswith("_FAILED")]
    if failed:
        # The first failure is the cause, the later ones are what it took with it.
        cause = failed[-1]
        raise OperatorError(
            f"Stack {deployment.serving_stack} could not be updated: {cause.get('LogicalResourceId')}: "
            f"{cause.get('ResourceStatusReason', 'no reason given')}",
            "CloudFormation rolls it back: what was served before stays.",
        )
    if found and found.status == "Failed" and events:
        raise OperatorError(
            f"Endpoint {found.name} failed: {found.failure or 'no reason given'}", _stack_step(deployment)
        )


def _stack_did_not_move(clients: Clients, deployment: Deployment) -> OperatorError:
    pages = clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=deployment.serving_stack)
    groups = [
        function_log.group(clients.functions, resource.get("PhysicalResourceId", ""))
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Lambda::Function"
    ]
    return OperatorError(
        f"The approval did not reach stack {deployment.serving_stack}.",
        f"The function that deploys an approved model logs to {', '.join(groups) or 'no log group: deploy again'}.",
    )


def _nothing_served(clients: Clients, deployment: Deployment) -> OperatorError:
    message = f"Nothing is served in {deployment.environment}: endpoint {deployment.endpoint} does not exist."
    versions = models.latest(clients.sagemaker, deployment.model_package_group, 1)
    if not versions:
        return OperatorError(
            f"{message} No model was registered yet.", f"Train one: {deployment.command('run corpus.csv')}"
        )
    newest = versions[0]
    if newest.approval == "Approved":
        return OperatorError(
            f"{message} Version {newest.version} is approved but not deployed.", _stack_step(deployment)
        )
    return OperatorError(
        f"{message} No model is approved; the newest, version {newest.version}, is {newest.approval}.",
        f"Approve it: {deployment.command(f'approve {newest.version} --wait')}",
    )


def _model_package(sagemaker: "SageMakerClient", config_name: str) -> str | None:
    config = sagemaker.describe_endpoint_config(EndpointConfigName=config_name)
    name = config["ProductionVariants"][0].get("ModelName")
    if name is None:
        return None
    model = sagemaker.describe_model(ModelName=name)
    containers = [*([model["PrimaryContainer"]] if "PrimaryContainer" in model else []), *model.get("Containers", [])]
    return next((c["ModelPackageName"] for c in containers if "ModelPackageName" in c), None)


def _stack_step(deployment: Deployment) -> str:
    return f"Look at the events of stack {deployment.serving_stack}."
