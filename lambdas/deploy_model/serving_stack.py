"""Serving stack, with its current model, past deployments and updates."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from decision import Decision, version_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackEventTypeDef, StackTypeDef
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
        began: Time of its first event.
    """

    version: int
    event: str
    succeeded: bool
    began: datetime


@dataclass(frozen=True)
class StackNames:
    """Names of the stack and its parts.

    Attributes:
        stack_id: ARN of the stack.
        model_parameter: Parameter for the ARN of the model package.
        time_parameter: Parameter for the time of the model's approval.
        endpoint: Name of the endpoint.
        role_arn: Role with which CloudFormation updates the stack.
    """

    stack_id: str
    model_parameter: str
    time_parameter: str
    endpoint: str
    role_arn: str

    @classmethod
    def from_environment(cls) -> StackNames:
        """Return the names in the function's environment variables."""
        return cls(
            stack_id=os.environ["STACK_ID"],
            model_parameter=os.environ["MODEL_PARAMETER"],
            time_parameter=os.environ["TIME_PARAMETER"],
            endpoint=os.environ["ENDPOINT_NAME"],
            role_arn=os.environ["STACK_ROLE_ARN"],
        )


class ServingStack:
    """CloudFormation stack with parameters for the model package and its approval, and the endpoint in it."""

    def __init__(self, cloudformation: CloudFormationClient, sagemaker: SageMakerClient, names: StackNames) -> None:
        self._cloudformation = cloudformation
        self._sagemaker = sagemaker
        self._names = names
        self._stack: StackTypeDef = cloudformation.describe_stacks(StackName=names.stack_id)["Stacks"][0]

    @property
    def name(self) -> str:
        """Name of the stack."""
        return self._stack["StackName"]

    @property
    def model_package(self) -> str | None:
        """ARN of the model package that the stack serves."""
        return self._value(self._names.model_parameter)

    @property
    def approved(self) -> datetime | None:
        """Time at which the served model was approved, if an approval deployed it."""
        time = self._value(self._names.time_parameter)
        return datetime.fromisoformat(time) if time else None

    def _value(self, parameter: str) -> str | None:
        parameters = {one["ParameterKey"]: one.get("ParameterValue") for one in self._stack.get("Parameters", [])}
        return parameters[parameter] or None

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
            raise StackBusy(f"the endpoint {self._names.endpoint} is {status}")

    def _endpoint_status(self) -> str | None:
        """Return the endpoint's status, or None if it was deleted."""
        from botocore.exceptions import ClientError

        try:
            return self._sagemaker.describe_endpoint(EndpointName=self._names.endpoint)["EndpointStatus"]
        except ClientError as error:
            if "Could not find endpoint" in str(error):
                return None
            raise

    def deployments(self) -> Sequence[Deployment]:
        """Return the updates to other models, latest first; CloudFormation keeps events for 90 days."""
        events: dict[str, list[StackEventTypeDef]] = {}
        paginator = self._cloudformation.get_paginator("describe_stack_events")
        for page in paginator.paginate(StackName=self._names.stack_id):
            for event in page["StackEvents"]:
                if event.get("PhysicalResourceId") == event["StackId"]:
                    events.setdefault(event.get("ClientRequestToken", ""), []).append(event)
        return [
            Deployment(
                version=int(found["version"]),
                event=found["event"],
                # The latest event of an update comes first.
                succeeded=own[0].get("ResourceStatus") == "UPDATE_COMPLETE",
                began=own[-1]["Timestamp"],
            )
            for token, own in events.items()
            if (found := _TOKEN.fullmatch(token))
        ]

    def serve(self, model_package: str, approved: datetime, decision: Decision) -> bool:
        """Start an update that only changes the model and the time of its approval.

        Args:
            model_package: ARN of the model package.
            approved: Time of its approval.
            decision: Decision that triggers the update.

        Returns:
            Whether an update was started; False if there was nothing to change.

        Raises:
            StackBusy: Another update started in the meantime.
            botocore.exceptions.ClientError: CloudFormation rejected the update for another reason.
        """
        from botocore.exceptions import ClientError

        values = {self._names.model_parameter: model_package, self._names.time_parameter: approved.isoformat()}
        parameters: list[ParameterTypeDef] = [
            {"ParameterKey": other["ParameterKey"], "UsePreviousValue": True}
            for other in self._stack.get("Parameters", [])
            if other["ParameterKey"] not in values
        ]
        parameters += [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
        try:
            self._cloudformation.update_stack(
                StackName=self._names.stack_id,
                UsePreviousTemplate=True,
                Parameters=parameters,
                RoleARN=self._names.role_arn,
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
