"""The stack that serves a model: which one it serves, which ones it served, and how it is given another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from decision import Decision, version_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackTypeDef

# CloudFormation keeps the token of each update with its events, and with it which decision was followed.
_TOKEN: Final = re.compile(r"model-(?P<version>\d+)-(?P<event>.+)")


class StackBusy(Exception):
    """The stack is being changed already, and cannot be updated before that has ended."""


@dataclass(frozen=True)
class Deployment:
    """An update of the stack that gave it a model.

    Attributes:
        version: the model's version.
        event: the id of the event of the decision that it followed.
        succeeded: whether the model was served.
    """

    version: int
    event: str
    succeeded: bool


class ServingStack:
    """A CloudFormation stack with a parameter that names the model."""

    def __init__(self, cloudformation: CloudFormationClient, stack_id: str, parameter: str) -> None:
        self._cloudformation = cloudformation
        self._stack_id = stack_id
        self._parameter = parameter
        self._stack: StackTypeDef = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]

    @property
    def name(self) -> str:
        """The stack's name."""
        return self._stack["StackName"]

    @property
    def model_package(self) -> str | None:
        """The ARN of the model that it serves."""
        parameters = {one["ParameterKey"]: one.get("ParameterValue") for one in self._stack.get("Parameters", [])}
        return parameters[self._parameter] or None

    def require_idle(self) -> None:
        """Make sure that the stack can be updated.

        Raises:
            StackBusy: it is being changed.
        """
        if self._stack["StackStatus"].endswith("_IN_PROGRESS"):
            raise StackBusy(f"{self.name} is {self._stack['StackStatus']}")

    def deployments(self) -> Sequence[Deployment]:
        """Return which models the stack was given, the latest first; CloudFormation remembers 90 days."""
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
        """Begin to serve a model; the template and every other parameter stay as they were deployed.

        Args:
            model_package: the model's ARN.
            decision: what is followed.

        Returns:
            Whether there was anything to change.

        Raises:
            StackBusy: an update has begun since the stack was looked at.
            botocore.exceptions.ClientError: CloudFormation refuses for another reason.
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
