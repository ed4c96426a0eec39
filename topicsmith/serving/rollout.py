"""Rollout of an approved model to the endpoint, and lookup of previously served versions."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from topicsmith.core.aws import Clients
from topicsmith.core.environment import Deployment
from topicsmith.core.errors import OperatorError
from topicsmith.models import models
from topicsmith.models.models import ModelVersion
from topicsmith.runs import function_log
from topicsmith.serving import serving, stack_updates
from topicsmith.serving.serving import Endpoint
from topicsmith.serving.stack_updates import Update

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

# On one machine; on AWS they are multiplied by ``Clients.patience``. An approval reaches the stack through EventBridge,
# a queue and a Lambda function. The update itself needs no limit: CloudFormation ends it.
_SECONDS_UNTIL_THE_STACK_MOVES = 30.0
_SECONDS_UNTIL_IN_SERVICE = 300.0
# An approval that finds the stack busy is retried after pauses that grow up to this.
_LONGEST_PAUSE = 900.0
# Prefix of the logical id of the function that deploys an approved model.
_FUNCTION = "ApprovalDeploy"


class Rollout:
    """Watcher of an approval until its model is served or the rollout fails."""

    def __init__(
        self,
        clients: Clients,
        deployment: Deployment,
        model: ModelVersion,
        tell: Callable[[str], None],
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Record the state of the stack before the approval; earlier failures are ignored.

        Args:
            clients: Clients of the cloud.
            deployment: Environment of the endpoint.
            model: Model that is about to be approved.
            tell: Callback for each change of the stack and the endpoint.
            sleep: Function that waits between polls.
            clock: Monotonic clock, in seconds.
        """
        self._clients = clients
        self._deployment = deployment
        self._model = model
        self._tell = tell
        self._sleep = sleep
        self._clock = clock
        self._last_event = stack_updates.last_event(clients.cloudformation, deployment.serving_stack)
        self._reported = ""

    def wait(self) -> Endpoint:
        """Wait until the endpoint serves the model, and return the endpoint.

        Raises:
            OperatorError: The update failed or timed out, or the approval was withdrawn or superseded.
        """
        clients, deployment = self._clients, self._deployment
        started = quiet_since = self._clock()
        while True:
            # Read in this order: an update is then never mistaken for another, nor its end for its middle.
            status = stack_status(clients.cloudformation, deployment.serving_stack)
            own = self._own_update()
            found = serving.endpoint(clients.sagemaker, deployment.endpoint)
            busy = status.endswith("_IN_PROGRESS")
            if found and found.serves(self._model) and (own.succeeded if own else not busy):
                return found
            now = self._clock()
            if own:
                self._raise_if_failed(own, found)
                if not own.is_over:
                    quiet_since = now
                elif now - quiet_since > _SECONDS_UNTIL_IN_SERVICE * clients.patience:
                    raise self._too_slow(found)
                self._say(f"stack {own.status}, endpoint {found.status if found else 'not there yet'}", own.failure)
            elif busy:
                quiet_since = now
                self._say(f"stack {deployment.serving_stack} is {status}; the approval waits for it")
            else:
                self._raise_if_outdone(found)
                waited = quiet_since - started
                pause = min(waited + _SECONDS_UNTIL_THE_STACK_MOVES, _LONGEST_PAUSE) if waited else 0.0
                if now - quiet_since > _SECONDS_UNTIL_THE_STACK_MOVES * clients.patience + pause:
                    raise self._did_not_arrive()
                self._say("the approval has not reached the stack yet")
            self._sleep(clients.poll_seconds)

    def _own_update(self) -> Update | None:
        """Return the stack update that this approval started."""
        begun = stack_updates.updates(self._clients.cloudformation, self._deployment.serving_stack, self._last_event)
        return next((update for update in begun if update.version == self._model.version), None)

    def _say(self, state: str, reason: str | None = None) -> None:
        state = f"{state}: {reason}" if reason else state
        if state != self._reported:
            self._tell(state)
            self._reported = state

    def _raise_if_failed(self, own: Update, found: Endpoint | None) -> None:
        if own.failed:
            raise OperatorError(
                f"Version {self._model.version} could not be served: {own.failure or 'no reason given'}",
                self._after_failure(own, found),
            )

    def _after_failure(self, own: Update, found: Endpoint | None) -> str:
        """Return a description of the served model and the next step."""
        if found is None:
            served = "Nothing is served, as before."
        elif found.status == "InService":
            served = f"Version {found.model_version} is still served."
        else:
            served = f"Endpoint {found.name} is {found.status}{f': {found.failure}' if found.failure else ''}."
        if own.status == "UPDATE_ROLLBACK_COMPLETE":
            return f"CloudFormation rolled the update back. {served} Log of the endpoint: {self._log_group}"
        stack = self._deployment.serving_stack
        return f"Stack {stack} is {own.status}: continue the rollback in CloudFormation. {served}"

    @property
    def _log_group(self) -> str:
        return f"/aws/sagemaker/Endpoints/{self._deployment.endpoint}"

    def _raise_if_outdone(self, found: Endpoint | None) -> None:
        """Check that the approval has not been withdrawn or superseded."""
        version = self._model.version
        now = models.describe(self._clients.sagemaker, self._model.arn)
        if now.approval != "Approved":
            raise OperatorError(f"Version {version} is {now.approval} now and will not be served.")
        if found is None or found.model_package is None or found.model_package == now.arn:
            return
        served = models.describe(self._clients.sagemaker, found.model_package)
        if served.approval == "Approved" and served.changed > now.changed:
            raise OperatorError(
                f"Version {served.version} was approved after version {version} and is served instead.",
                f"To serve version {version}, approve it again: "
                + self._deployment.command(f"approve {version} --wait"),
            )

    def _too_slow(self, found: Endpoint | None) -> OperatorError:
        deployment = self._deployment
        state = f"it is {found.status}, with version {found.model_version}" if found else "it does not exist"
        because = f": {found.failure}" if found and found.failure else ""
        return OperatorError(
            f"Stack {deployment.serving_stack} has version {self._model.version}, but endpoint "
            f"{deployment.endpoint} does not serve it: {state}{because}.",
            f"List the versions: {deployment.command('models')}",
        )

    def _did_not_arrive(self) -> OperatorError:
        stack = self._deployment.serving_stack
        pages = self._clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        groups = [
            function_log.group(self._clients.functions, resource.get("PhysicalResourceId", ""))
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Lambda::Function"
            and resource["LogicalResourceId"].startswith(_FUNCTION)
        ]
        return OperatorError(
            f"The approval did not reach stack {stack}.",
            f"Check the log of the function that deploys approved models: {', '.join(groups)}"
            if groups
            else f"The stack lacks the function that deploys approved models. Deploy the environment again: "
            f"make deploy ENV={self._deployment.environment}",
        )


def stack_status(cloudformation: "CloudFormationClient", stack: str) -> str:
    """Return the status of a stack."""
    return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]


def require_idle(clients: Clients, deployment: Deployment) -> None:
    """Check that no update of the stack is in progress.

    Raises:
        OperatorError: An update is in progress; the message explains how to cancel it.
    """
    stack = deployment.serving_stack
    status = stack_status(clients.cloudformation, stack)
    if not status.endswith("_IN_PROGRESS"):
        return
    under_way = stack_updates.updates(clients.cloudformation, stack)
    towards = f", to version {under_way[0].version}" if under_way and under_way[0].version else ""
    raise OperatorError(
        f"Stack {stack} is {status}{towards}: an update is in progress and may change the served model.",
        f"Wait for it to finish, or cancel it, which restores the previous model:\n"
        f"aws cloudformation cancel-update-stack --stack-name {stack}",
    )


def previous(clients: Clients, deployment: Deployment, served: int) -> ModelVersion:
    """Return the approved version that was served before ``served``.

    If CloudFormation's events do not show it, this is the highest approved version below ``served``.

    Raises:
        OperatorError: No earlier version is approved.
    """
    done = stack_updates.updates(clients.cloudformation, deployment.serving_stack)
    before = list(dict.fromkeys(update.version for update in done if update.version and update.succeeded))
    approved = models.approved(clients.sagemaker, deployment.model_package_group)
    for version in [*before, *sorted((version for version in approved if version < served), reverse=True)]:
        if version != served and version in approved:
            return models.describe(clients.sagemaker, approved[version])
    raise OperatorError(
        f"There is no version to roll back to: version {served} is served, and no earlier version is approved.",
        f"List the versions: {deployment.command('models')}",
    )
