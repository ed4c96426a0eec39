"""Deployed environments, read from the outputs of their stacks."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topicsmith.core import checkout
from topicsmith.core.aws import Clients, is_local
from topicsmith.core.errors import OperatorError
from topicsmith.core.invocation import command

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

MODEL_PARAMETER = "ModelPackageArn"
_PARTS = ("data", "training", "serving")


@dataclass(frozen=True)
class Deployment:
    """Deployed environment.

    Attributes:
        follows_approvals: Whether approved models are deployed; False if environments/<env>.yaml pins a model.
    """

    environment: str
    data_bucket: str
    pipeline: str
    model_package_group: str
    endpoint: str
    follows_approvals: bool

    def command(self, arguments: str) -> str:
        """Return a ``topicsmith`` command for this environment."""
        return command(f"{arguments} --env {self.environment}")

    @property
    def serving_stack(self) -> str:
        """Name of the CloudFormation stack that owns the endpoint."""
        return stack_name(self.environment, "serving")


def stack_name(environment: str, part: str) -> str:
    """Return the name of a stack of an environment; ``part`` is data, training or serving."""
    return f"topicsmith-{environment}-{part}"


def load(clients: Clients, environment: str) -> Deployment:
    """Return the deployed environment ``environment``.

    Raises:
        OperatorError: The environment is not deployed, or some of its stacks are missing.
    """
    stacks = {part: _stack(clients.cloudformation, stack_name(environment, part)) for part in _PARTS}
    found = {part: stack for part, stack in stacks.items() if stack is not None}
    if not found:
        raise _not_deployed(clients, environment)
    if missing := [stack_name(environment, part) for part in _PARTS if part not in found]:
        raise OperatorError(
            f"Environment {environment} is incomplete. Missing stacks: {', '.join(missing)}.", _deploy(environment)
        )
    return Deployment(
        environment=environment,
        data_bucket=_output(found["data"], "DataBucketName", environment),
        pipeline=_output(found["training"], "PipelineName", environment),
        model_package_group=_output(found["training"], "ModelPackageGroupName", environment),
        endpoint=_output(found["serving"], "EndpointName", environment),
        follows_approvals=any(
            parameter.get("ParameterKey") == MODEL_PARAMETER for parameter in found["serving"].get("Parameters", [])
        ),
    )


def endpoint_name(environment: str) -> str:
    """Return the name of an environment's endpoint, for callers that may not read its stacks."""
    return f"topicsmith-{environment}"


def deployed(cloudformation: "CloudFormationClient") -> list[str]:
    """Return the sorted names of the environments with a stack in this account and region."""
    pattern = re.compile(rf"topicsmith-(.+)-(?:{'|'.join(_PARTS)})")
    names = (
        stack["StackName"]
        for page in cloudformation.get_paginator("describe_stacks").paginate()
        for stack in page["Stacks"]
    )
    return sorted({match[1] for name in names if (match := pattern.fullmatch(name))})


def _output(stack: "StackTypeDef", key: str, environment: str) -> str:
    for output in stack.get("Outputs", []):
        if output.get("OutputKey") == key:
            return output.get("OutputValue", "")
    # The stack failed to deploy, or is older than this command line.
    raise OperatorError(
        f"Stack {stack['StackName']} ({stack['StackStatus']}) has no output {key}.", _deploy(environment)
    )


def _stack(cloudformation: "CloudFormationClient", name: str) -> "StackTypeDef | None":
    from botocore.exceptions import ClientError

    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _not_deployed(clients: Clients, environment: str) -> OperatorError:
    names = deployed(clients.cloudformation)
    there = f"Deployed there: {', '.join(names)}." if names else "No topicsmith environment is deployed there."
    return OperatorError(f"No environment {environment} in {clients.where}. {there}", _deploy(environment))


def _deploy(environment: str) -> str:
    root = checkout.find()
    if root is not None and not (root / "environments" / f"{environment}.yaml").is_file():
        return f"{root} has no environments/{environment}.yaml: add one, or choose another environment with --env."
    if not is_local():
        return f"Deploy it: make deploy ENV={environment}"
    if environment == "dev":
        return f"Deploy it: {command('local up --deploy')}"
    return f'Deploy it: eval "$({command("local env")})" && make deploy ENV={environment}'
