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

# CloudFormation stores the request token with each event; it identifies the decision behind an update.
_TOKEN: Final = re.compile(r"model-(?P<version>\d+)-(?P<event>.+)")


class StackBusy(Exception):
    """Another operation on the stack is in progress."""


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
    """CloudFormation stack with a parameter for the model package."""

    def __init__(self, cloudformation: CloudFormationClient, stack_id: str, parameter: str) -> None:
        self._cloudformation = cloudformation
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
        """Raise an error unless the stack can be updated.

        Raises:
            StackBusy: Another operation is in progress.
        """
        if self._stack["StackStatus"].endswith("_IN_PROGRESS"):
            raise StackBusy(f"{self.name} is {self._stack['StackStatus']}")

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
