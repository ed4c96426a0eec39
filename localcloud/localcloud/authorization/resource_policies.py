"""Owners and resource-based policies of resources.

The resource types with policies are listed in
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.ecr.models import ecr_backends
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.s3.models import FakeBucket, s3_backends
from moto.sagemaker.models import sagemaker_backends
from moto.sns.models import Topic, sns_backends
from moto.sqs.models import Queue, sqs_backends

from localcloud.core.policy import Statement, account_of, statements_of
from localcloud.services.modelregistry.models import ModelRegistry


def statements(action: str, resource: str | None) -> list[Statement] | None:
    """Return the statements of a resource's policy, or ``None`` if it has none.

    Args:
        action: The requested action, for example ``s3:GetObject``.
        resource: The resource's ARN, ``None`` when unknown, ``*`` for all.
    """
    if resource in (None, "*"):
        return None
    if action == "sts:AssumeRole":
        return _trust_policy(resource)
    read = _POLICIES.get(action.partition(":")[0])
    found = read(resource) if read else None
    if found and action == "sagemaker:ListModelPackages":
        # The request names the group, but AWS's own example policies allow the action on the packages.
        return [{name: value for name, value in statement.items() if name != "Resource"} for statement in found]
    return found


def owner_of(resource: str | None) -> str | None:
    """Return the account that owns a resource, or ``None`` if it cannot be determined."""
    if resource in (None, "*"):
        return None
    if resource.startswith("arn:aws:s3:::"):
        bucket = bucket_of(resource)
        return bucket.account_id if bucket else None
    account = account_of(resource)
    return account if account and account.isdigit() else None


def bucket_of(arn: str) -> FakeBucket | None:
    """Return the bucket of a bucket's or object's ARN, from any account."""
    name = arn.split(":::", 1)[1].split("/", 1)[0]
    place = s3_backends.bucket_accounts.get(name)
    return s3_backends[place[1]][place[0]].buckets.get(name) if place else None


def message_key_of(arn: str) -> str | None:
    """Return the ARN of the key that encrypts a topic's or queue's messages, or ``None`` if it is not encrypted."""
    _, _, service, region, account, _ = arn.split(":", 5)
    holder = {"sns": _topic, "sqs": _queue}[service](arn)
    key_id = getattr(holder, "kms_master_key_id", None)
    return (key_id if key_id.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key_id}") if key_id else None


def _backend(backends: Mapping[str, Any], arn: str) -> Any:
    """Return the backend of an ARN's account and region, or ``None`` if the region does not exist."""
    _, _, _, region, account, _ = arn.split(":", 5)
    try:
        return backends[account][region]
    except KeyError:
        return None


def _trust_policy(role_arn: str) -> list[Statement]:
    try:
        role = iam_backends[account_of(role_arn) or ""]["aws"].get_role_by_arn(role_arn)
    except NotFoundException:
        return []
    return statements_of(json.loads(role.assume_role_policy_document))


def _key_policy(arn: str) -> list[Statement]:
    backend = _backend(kms_backends, arn)
    try:
        policy = backend.get_key_policy(backend.any_id_to_key_id(arn))
    except (KeyError, TypeError, AttributeError):
        return []
    return statements_of(policy if isinstance(policy, dict) else json.loads(policy))


def _bucket_policy(arn: str) -> list[Statement] | None:
    bucket = bucket_of(arn)
    return statements_of(json.loads(bucket.policy)) if bucket and bucket.policy else None


def _topic(arn: str) -> Topic | None:
    backend = _backend(sns_backends, arn)
    return backend.topics.get(arn) if backend else None


def _topic_policy(arn: str) -> list[Statement] | None:
    topic = _topic(arn)
    return statements_of(json.loads(topic.policy)) if topic else None


def _queue(arn: str) -> Queue | None:
    backend = _backend(sqs_backends, arn)
    return backend.queues.get(arn.rpartition(":")[2]) if backend else None


def _queue_policy(arn: str) -> list[Statement] | None:
    queue = _queue(arn)
    return statements_of(json.loads(queue.policy)) if queue and queue.policy else None


def _repository_policy(arn: str) -> list[Statement] | None:
    backend = _backend(ecr_backends, arn)
    repository = backend.repositories.get(arn.partition(":repository/")[2]) if backend else None
    return statements_of(json.loads(repository.policy)) if repository and repository.policy else None


def _model_package_group_policy(arn: str) -> list[Statement] | None:
    """Return the policy of a model package group, which also applies to its packages."""
    backend = _backend(sagemaker_backends, arn)
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind not in ("model-package-group", "model-package") or not isinstance(backend, ModelRegistry):
        return None
    policy = backend.group_policies.get(name.partition("/")[0])
    return statements_of(json.loads(policy)) if policy else None


_POLICIES: Mapping[str, Callable[[str], list[Statement] | None]] = {
    "kms": _key_policy,
    "s3": _bucket_policy,
    "sns": _topic_policy,
    "sqs": _queue_policy,
    "ecr": _repository_policy,
    "sagemaker": _model_package_group_policy,
}
