"""Deletion of an environment's registered models, which would keep its stacks from being deleted."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from topicsmith.core.aws import Clients
from topicsmith.core.environment import stack_name
from topicsmith.core.errors import OperatorError, is_missing
from topicsmith.models import models

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sagemaker import SageMakerClient

_GROUP = "AWS::SageMaker::ModelPackageGroup"


def doomed(clients: Clients, environment: str) -> list[str]:
    """Return the ARNs of the registered versions that must go before an environment's stacks can be deleted.

    There are none if the stacks or the group no longer exist, or if the group outlives them.

    Raises:
        OperatorError: The stacks are protected from deletion.
    """
    name = stack_name(environment, "training")
    template = _template(clients.cloudformation, name)
    if template is None:
        return []
    (stack,) = clients.cloudformation.describe_stacks(StackName=name)["Stacks"]
    if stack.get("EnableTerminationProtection"):
        raise OperatorError(
            f"Stack {name} is protected from deletion.",
            f"To delete it, deploy termination_protection: false in environments/{environment}.yaml first.",
        )
    groups = [resource for resource in template["Resources"].values() if resource["Type"] == _GROUP]
    return [
        arn
        for group in groups
        if not str(group.get("DeletionPolicy", "Delete")).startswith("Retain")
        for arn in _versions(clients.sagemaker, group["Properties"]["ModelPackageGroupName"])
    ]


def delete(sagemaker: "SageMakerClient", arn: str) -> None:
    """Delete a registered version; one that no longer exists is fine."""
    from botocore.exceptions import ClientError

    try:
        sagemaker.delete_model_package(ModelPackageName=arn)
    except ClientError as error:
        if not is_missing(error):
            raise


def _template(cloudformation: "CloudFormationClient", stack: str) -> Mapping[str, Any] | None:
    from botocore.exceptions import ClientError

    try:
        # Typed as a mapping, but a template in JSON is decoded only if it was uploaded as JSON.
        body: Any = cloudformation.get_template(StackName=stack)["TemplateBody"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    template: Mapping[str, Any] = json.loads(body) if isinstance(body, str) else body
    return template


def _versions(sagemaker: "SageMakerClient", group: str) -> list[str]:
    try:
        return models.arns(sagemaker, group)
    except OperatorError:
        return []  # The group is already gone.
