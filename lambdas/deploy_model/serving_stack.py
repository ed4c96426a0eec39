"""Serving stack, with its current model, past deployments and updates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from decision import Decision, version_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackTypeDef
    from mypy_boto3_sagemaker import SageMakerClient

# SageMaker refuses to update an endpoint in these statuses, and autoscaling causes them, too:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html.
_BUSY: Final = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
# CloudFormation stores the request token with each event; it identifies the decision behind an update.
_TOKEN: Final = re.compile(r"model-(?P<version>\d+)-(?P<event>.+)")


class StackBusy(Exception):
    """Another operation on the stack or its endpoint is in progress."""


@dataclass(frozen=True)
class Deployment:
    """Past update of the stack to another model.

    Attributes:
        version: Version of the model package.
        event: ID of the event that triggered the update.
        succeeded: Whether the update completed.
    """

    version: int
    event: str
    succeeded: bool


class ServingStack:
    """CloudFormation stack with a parameter for the model package, and the endpoint in it."""

    def __init__(
        self,
        cloudformation: CloudFormationClient,
        sagemaker: SageMakerClient,
        stack_id: str,
        parameter: str,
        endpoint: str,
        role: str,
    ) -> None:
        self._cloudformation = cloudformation
        self._sagemaker = sagemaker
        self._endpoint = endpoint
        self._role = role
        self._stack_id = stack_id
        self._parameter = parameter
        self._stack: StackTypeDef = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]

    @property
    def name(self) -> str:
        """Name of the stack."""
        return self._stack["StackName"]

    @property
    def model_package(self) -> str | None:
        """ARN of the model package that the stack serves."""
        parameters = {one["ParameterKey"]: one.get("ParameterValue") for one in self._stack.get("Parameters", [])}
        return parameters[self._parameter] or None

    def require_idle(self) -> None:
        """Raise an error unless the stack and its endpoint can be updated.

        Raises:
            StackBusy: Another operation is in progress.
            botocore.exceptions.ClientError: The endpoint cannot be read.
        """
        if self._stack["StackStatus"].endswith("_IN_PROGRESS"):
            raise StackBusy(f"{self.name} is {self._stack['StackStatus']}")
        status = self._endpoint_status() if self.model_package else None
        if status in _BUSY:
            raise StackBusy(f"the endpoint {self._endpoint} is {status}")

    def _endpoint_status(self) -> str | None:
        """Return the endpoint's status, or None if it was deleted."""
        from botocore.exceptions import ClientError

        try:
            return self._sagemaker.describe_endpoint(EndpointName=self._endpoint)["EndpointStatus"]
        except ClientError as error:
            if "Could not find endpoint" in str(error):
                return None
            raise

    def deployments(self) -> Sequence[Deployment]:
        """Return the updates to other models, latest first; CloudFormation keeps events for 90 days."""
        outcomes: dict[str, str] = {}
        for page in self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self._stack_id):
            for event in page["StackEvents"]:
                if event.get("PhysicalResourceId") == event["StackId"]:
                    # The latest event of an update comes first.
                    outcomes.setdefault(event.get("ClientRequestToken", ""), event.get("ResourceStatus", ""))
        return [
            Deployment(int(found["version"]), found["event"], status == "UPDATE_COMPLETE")
            for token, status in outcomes.items()
            if (found := _TOKEN.fullmatch(token))
        ]

    def serve(self, model_package: str, decision: Decision) -> bool:
        """Start an update that only changes the model.

        Args:
            model_package: ARN of the model package.
            decision: Decision that triggers the update.

        Returns:
            Whether an update was started; False if there was nothing to change.

        Raises:
            StackBusy: Another update started in the meantime.
            botocore.exceptions.ClientError: CloudFormation rejected the update for another reason.
        """
        from botocore.exceptions import ClientError

        parameters: list[ParameterTypeDef] = [
            {"ParameterKey": other["ParameterKey"], "UsePreviousValue": True}
            for other in self._stack.get("Parameters", [])
            if other["ParameterKey"] != self._parameter
        ]
        parameters.append({"ParameterKey": self._parameter, "ParameterValue": model_package})
        try:
            self._cloudformation.update_stack(
                StackName=self._stack_id,
                UsePreviousTemplate=True,
                Parameters=parameters,
                RoleARN=self._role,
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
                ClientRequestToken=f"model-{version_of(model_package)}-{decision.event}",
            )
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            if "_IN_PROGRESS state" in str(error):
                raise StackBusy(str(error)) from error
            raise
        return True
