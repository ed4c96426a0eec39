"""Lambda function that publishes failed updates of the serving stack to an SNS topic."""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)

# SNS's limit.
_SUBJECT: Final = 100
# Request token of the updates that the function deploy_model starts.
_TOKEN: Final = re.compile(r"model-(?P<version>\d+)-.+")
_NO_REASON: Final = "CloudFormation gave no reason."

# The functional syntax, since the keys are not valid identifiers.
StatusDetails = TypedDict("StatusDetails", {"status": str, "status-reason": str})
StackDetail = TypedDict(
    "StackDetail", {"stack-id": str, "status-details": StatusDetails, "client-request-token": str}, total=False
)


class StackStatusChange(TypedDict):
    """EventBridge event "CloudFormation Stack Status Change".

    See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-stack-status-change.html.
    """

    id: str
    detail: StackDetail


def handler(event: StackStatusChange, _context: object) -> dict[str, str]:
    """Publish a message about a failed update.

    A duplicate event produces a duplicate message; both contain the event ID.

    Returns:
        ``message``, the ID of the SNS message.

    Raises:
        botocore.exceptions.ClientError: The stack could not be read or the message could not be sent; Lambda retries.
    """
    import boto3

    detail = event["detail"]
    stack_id, status = detail["stack-id"], detail["status-details"]["status"]
    token = detail.get("client-request-token", "")
    environment = os.environ["MODEL_PACKAGE_GROUP"]
    cloudformation = boto3.client("cloudformation")
    stack = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
    found = _TOKEN.fullmatch(token)
    failed = f"deployment of model version {found['version']} failed" if found else "deployment failed"
    subject = f"{environment}: {failed}"
    parameters = {one["ParameterKey"]: one.get("ParameterValue", "") for one in stack.get("Parameters", [])}
    served = _served(parameters[os.environ["MODEL_PARAMETER"]], os.environ["ENDPOINT_NAME"])
    reason = _reason(cloudformation, stack_id, token) or detail["status-details"].get("status-reason") or _NO_REASON
    env = environment.removeprefix("topicsmith-")
    answer = boto3.client("sns").publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Subject=subject[:_SUBJECT],
        Message=f"{subject}.\n\n{reason}\n\n{_state(status, served)}\n\n"
        f"Stack: {stack['StackName']} ({status})\n"
        f"Endpoint log: /aws/sagemaker/Endpoints/{os.environ['ENDPOINT_NAME']}\n"
        f"Models: topicsmith models --env {env}\n"
        f"Event ID: {event['id']}\n",
    )
    _logger.info("published %s: %s", answer["MessageId"], subject)
    return {"message": answer["MessageId"]}


def _reason(cloudformation: CloudFormationClient, stack_id: str, token: str) -> str | None:
    """Return the first failure of an update, which caused the later ones."""
    failures = [
        f"{one.get('LogicalResourceId')}: {one.get('ResourceStatusReason', _NO_REASON)}"
        for one in _events_of_update(cloudformation, stack_id, token)
        if one.get("ResourceStatus", "").endswith("_FAILED") and one.get("PhysicalResourceId") != stack_id
    ]
    return failures[-1] if failures else None


def _events_of_update(cloudformation: CloudFormationClient, stack_id: str, token: str) -> Iterator[StackEventTypeDef]:
    """Yield the events of the update that just ended, latest first."""
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for one in page["StackEvents"]:
            if one.get("ClientRequestToken", "") == token:
                yield one
                if one.get("PhysicalResourceId") == stack_id and one.get("ResourceStatus") == "UPDATE_IN_PROGRESS":
                    return


def _served(model_package: str, endpoint_name: str) -> str:
    """Describe what the endpoint serves after the failure."""
    import boto3
    from botocore.exceptions import ClientError

    if not model_package:
        return "No model was being served, and none is being served now."
    version = model_package.rpartition("/")[2]
    try:
        status = boto3.client("sagemaker").describe_endpoint(EndpointName=endpoint_name)["EndpointStatus"]
    except ClientError as error:
        return f"Version {version} was being served. The status of endpoint {endpoint_name} is unknown: {error}"
    if status == "InService":
        return f"Version {version} is still being served: endpoint {endpoint_name} is InService."
    return f"Version {version} was being served; endpoint {endpoint_name} is now {status}."


def _state(status: str, served: str) -> str:
    """Describe the state of the stack and the action that it requires."""
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return f"CloudFormation rolled the update back. {served}"
    return f"The stack is {status}. Continue the rollback in CloudFormation before deploying another model. {served}"
