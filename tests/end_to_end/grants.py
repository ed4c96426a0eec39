"""Grants of the deployed roles, and those that no request of a run used."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localcloud.core.policy import like, statements_of

VARIABLE = "TOPICSMITH_TESTS_GRANTS"
"""Environment variable with the directory in which every cloud of the tests leaves its :func:`grants`."""

Grant = tuple[str, str, str]
"""Role, action and kind of resource, such as ``sagemaker:model`` or, for objects, ``s3:models/*``."""


def grants(iam: Any, cloudformation: Any, used: Path) -> dict[Grant, bool]:
    """Return every grant of the stacks' roles, and whether a request used it.

    Args:
        iam: Client of the account.
        cloudformation: Client of the account.
        used: File of the permissions that roles used.
    """
    lines = [json.loads(line) for line in used.read_text().splitlines()] if used.exists() else []
    found: dict[Grant, bool] = {}
    for role, physical in _roles(cloudformation):
        requests = {(line["action"], line["resource"]) for line in lines if line["role"].endswith(f"/{physical}")}
        for action, resource in _allowed(iam, physical):
            is_used = any(like(one.lower(), action.lower()) and like(arn, resource) for one, arn in requests)
            grant = (role, action, _kind(resource))
            found[grant] = found.get(grant, False) or is_used
    return found


def _roles(cloudformation: Any) -> Iterator[tuple[str, str]]:
    for page in cloudformation.get_paginator("list_stacks").paginate():
        for stack in page["StackSummaries"]:
            if not stack["StackName"].startswith("topicsmith-") or stack["StackStatus"] == "DELETE_COMPLETE":
                continue
            for resources in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack["StackId"]):
                for one in resources["StackResourceSummaries"]:
                    if one["ResourceType"] == "AWS::IAM::Role":
                        part = stack["StackName"].split("-")[2]
                        yield f"{part}/{one['LogicalResourceId'][:-8]}", one["PhysicalResourceId"]


def _allowed(iam: Any, role: str) -> Iterator[tuple[str, str]]:
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for statement in statements_of(document):
            if statement["Effect"] == "Allow":
                for action in _listed(statement["Action"]):
                    for resource in _listed(statement["Resource"]):
                        yield action, resource


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _kind(resource: str) -> str:
    if resource == "*":
        return "*"
    _, _, service, _, _, rest = resource.split(":", 5)
    if service == "s3":
        return f"s3:{rest.partition('/')[2] or 'bucket'}"
    if service in ("sns", "sqs"):
        return service
    kind = re.split("[:/]", rest)[0]
    return f"{service}:{'log-stream' if ':log-stream:' in rest else kind}"


def leave(iam: Any, cloudformation: Any, used: Path) -> None:
    """Write the grants of a cloud into the directory of :data:`VARIABLE`, if there is one."""
    directory = os.environ.get(VARIABLE)
    if directory:
        found = [[*grant, is_used] for grant, is_used in grants(iam, cloudformation, used).items()]
        (Path(directory) / f"{os.getpid()}.json").write_text(json.dumps(found))


def unused(directory: Path) -> set[Grant]:
    """Return the grants that no cloud used."""
    clouds = [json.loads(path.read_text()) for path in directory.glob("*.json")]
    every = {(role, action, resource) for cloud in clouds for role, action, resource, _ in cloud}
    used = {(role, action, resource) for cloud in clouds for role, action, resource, is_used in cloud if is_used}
    return every - used


UNUSED: dict[Grant, str] = {
    ("data/ImagesPublishingRole", "ecr:*", "*"): (
        "docker pushes layers to AWS with them; the local docker pushes without a registry's protocol."
    ),
    ("network/NetworkVpcFlowLogIAMRole", "logs:*", "*"): "No traffic flows through a local VPC.",
    ("serving/ApprovalDeployRole", "sqs:GetQueueUrl", "sqs"): "The CDK's SqsEventSource grants it.",
    ("serving/EndpointRole", "cloudwatch:DescribeAlarms", "cloudwatch:alarm"): (
        "SageMaker watches the rollback alarms of an update that shifts traffic in steps, which these runs do not make."
    ),
    ("*", "cloudwatch:PutMetricData", "*"): "SageMaker writes metrics of instances, which local processes do not have.",
    ("*", "logs:CreateLog*", "logs:log-group"): (
        "SageMaker's guide asks for it. The local cloud matches streams; which form of ARN AWS matches is unclear."
    ),
    ("*", "logs:PutLogEvents", "logs:log-group"): "As with logs:CreateLogStream.",
    (
        "*",
        "logs:DescribeLogStreams",
        "logs:*",
    ): "SageMaker's guide asks for it; the local cloud writes without looking.",
    ("*", "s3:AbortMultipartUpload", "s3:*"): "Needed once a multipart upload fails.",
    ("serving/UpdateRole", "*:De*", "*"): "A first approval that fails is rolled back by deleting what it created.",
    ("serving/UpdateRole", "application-autoscaling:UntagResource", "*"): "The schema of scalable targets lists it.",
    ("training/FailureNotifyRole", "sagemaker:DescribePipelineExecution", "sagemaker:pipeline"): (
        "Read for the reason of a run that failed before any of its steps."
    ),
    ("training/PipelineRole", "sagemaker:AddTags", "sagemaker:model-package*"): (
        "SageMaker tags what the steps of a pipeline create; whether that includes registered models is not known."
    ),
    ("training/PipelineRole", "sagemaker:Stop*", "*"): "A run can be stopped at each step; one is tried.",
    ("training/TriggerStartRole", "kms:Decrypt", "kms:key"): (
        "Whether S3 asks for it when the metadata of an encrypted object is read is not known."
    ),
}
"""Grants that no run uses, as patterns, with the reason why they are there."""


def unexplained(directory: Path) -> list[str]:
    """Return what is wrong: grants that nothing used and nobody explains, and explanations without a grant."""
    clouds = list(directory.glob("*.json"))
    if not clouds:
        return ["No cloud of the tests left its grants."]
    without = unused(directory)
    explained = {reason: {grant for grant in without if _matches(grant, reason)} for reason in UNUSED}
    lines = [f"Not used: {' '.join(grant)}" for grant in sorted(without - set().union(*explained.values()))]
    return lines + [f"Used, or not granted: {' '.join(reason)}" for reason, found in explained.items() if not found]


def _matches(grant: Grant, pattern: Grant) -> bool:
    return all(like(part, wanted) for part, wanted in zip(grant, pattern, strict=True))
