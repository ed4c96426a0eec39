"""Serves the model that was approved: gives its ARN to the serving stack and nothing else."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)


class ModelPackageDetail(TypedDict):
    """What is used of the event's detail."""

    ModelPackageArn: str


class ModelPackageStateChange(TypedDict):
    """EventBridge's «SageMaker Model Package State Change»."""

    detail: ModelPackageDetail


def handler(event: ModelPackageStateChange, _context: object) -> dict[str, str]:
    """Update the serving stack, and change only which model it serves.

    The template and every other parameter stay as they were deployed. Handling an event twice is harmless.

    Returns:
        ``stack``, ``model_package`` and ``result``, which is ``updating`` or ``unchanged``.

    Raises:
        botocore.exceptions.ClientError: the update was not begun, for example because another one is under way; Lambda
            then tries again.
    """
    import boto3
    from botocore.exceptions import ClientError

    stack_id = os.environ["STACK_ID"]
    parameter = os.environ["MODEL_PARAMETER"]
    model_package = event["detail"]["ModelPackageArn"]
    cloudformation = boto3.client("cloudformation")
    stack = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
    stack_name = stack["StackName"]
    parameters: list[ParameterTypeDef] = [
        {"ParameterKey": other["ParameterKey"], "UsePreviousValue": True}
        for other in stack.get("Parameters", [])
        if other["ParameterKey"] != parameter
    ]
    parameters.append({"ParameterKey": parameter, "ParameterValue": model_package})
    try:
        cloudformation.update_stack(
            StackName=stack_id,
            UsePreviousTemplate=True,
            Parameters=parameters,
            Capabilities=["CAPABILITY_IAM"],
        )
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            _logger.error("%s was not updated to serve %s: %s", stack_name, model_package, error)
            raise
        _logger.info("%s serves %s already", stack_name, model_package)
        return {"stack": stack_name, "model_package": model_package, "result": "unchanged"}
    _logger.info("%s is being updated to serve %s", stack_name, model_package)
    return {"stack": stack_name, "model_package": model_package, "result": "updating"}
