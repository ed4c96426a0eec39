"""Named resources that exist already: a stack does not adopt them.

The message and its error code are those of CloudFormation's resource handlers, see
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html.
"""

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from moto.budgets.models import budgets_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.ecr.models import ecr_backends
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from localcloud.core.errors import LocalCloudError


class AlreadyExists(LocalCloudError):
    """A resource of the name that the template gives exists."""

    def __init__(self, resource_type: str, name: str):
        super().__init__(
            f"Resource handler returned message: \"Resource of type '{resource_type}' with identifier '{name}' already "
            f'exists." (RequestToken: {uuid.uuid4()}, HandlerErrorCode: AlreadyExists)'
        )


@dataclass(frozen=True)
class _Named:
    """A type whose resources the template may name.

    Attributes:
        path: Properties that lead to the name.
        names: Returns the names in use, of an account and a region.
    """

    path: tuple[str, ...]
    names: Callable[[str, str], Collection[str]]


_TYPES: Mapping[str, _Named] = {
    "AWS::Budgets::Budget": _Named(
        ("Budget", "BudgetName"), lambda account, region: budgets_backends[account]["aws"].budgets[account]
    ),
    "AWS::CloudWatch::Alarm": _Named(
        ("AlarmName",), lambda account, region: cloudwatch_backends[account][region].alarms
    ),
    "AWS::CloudWatch::Dashboard": _Named(
        ("DashboardName",), lambda account, region: cloudwatch_backends[account][region].dashboards
    ),
    "AWS::ECR::Repository": _Named(
        ("RepositoryName",), lambda account, region: ecr_backends[account][region].repositories
    ),
    "AWS::Events::Rule": _Named(
        ("Name",), lambda account, region: events_backends[account][region].event_buses["default"].rules
    ),
    "AWS::IAM::ManagedPolicy": _Named(
        ("ManagedPolicyName",),
        lambda account, region: {
            arn.rpartition("/")[2] for arn in iam_backends[account]["aws"].managed_policies if f":{account}:" in arn
        },
    ),
    "AWS::IAM::Role": _Named(
        ("RoleName",), lambda account, region: {role.name for role in iam_backends[account]["aws"].get_roles()}
    ),
    "AWS::Logs::LogGroup": _Named(("LogGroupName",), lambda account, region: logs_backends[account][region].groups),
    "AWS::S3::Bucket": _Named(("BucketName",), lambda account, region: s3_backends[account]["aws"].buckets),
    "AWS::SNS::Topic": _Named(
        ("TopicName",),
        lambda account, region: {arn.rpartition(":")[2] for arn in sns_backends[account][region].topics},
    ),
    "AWS::SQS::Queue": _Named(("QueueName",), lambda account, region: sqs_backends[account][region].queues),
    "AWS::SageMaker::ModelPackageGroup": _Named(
        ("ModelPackageGroupName",), lambda account, region: sagemaker_backends[account][region].model_package_groups
    ),
    "AWS::SageMaker::Pipeline": _Named(
        ("PipelineName",), lambda account, region: sagemaker_backends[account][region].pipelines
    ),
}


def taken_name(resource_type: str, properties: Mapping[str, Any], account_id: str, region: str) -> str | None:
    """Return the name that the template gives a new resource, if a resource of that name exists."""
    named = _TYPES.get(resource_type)
    if named is None:
        return None
    name: Any = properties
    for key in named.path:
        name = name.get(key) if isinstance(name, Mapping) else None
    return str(name) if name is not None and str(name) in named.names(account_id, region) else None


def names_in_use(resource_type: str, account_id: str, region: str) -> Collection[str] | None:
    """Return the names of a type's resources, or None for a type whose resources are not looked up."""
    named = _TYPES.get(resource_type)
    return named.names(account_id, region) if named else None
