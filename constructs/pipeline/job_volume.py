"""The volumes of jobs."""

from collections.abc import Mapping

from aws_cdk import aws_iam, aws_kms

from constructs.common.instance_types import has_local_storage
from constructs.definition.expressions import Json


def volume_key(role: aws_iam.IRole, *, key: aws_kms.IKey, instance_type: str) -> Mapping[str, Json]:
    """Return how a job's request names the key of its volume, and let the job's role use it.

    It does not where the instance keeps its data on local volumes: hardware encrypts those, and SageMaker refuses keys.
    """
    if has_local_storage(instance_type):
        return {}
    key.grant(role, "kms:CreateGrant", "kms:DescribeKey")
    return {"VolumeKmsKeyId": key.key_arn}


def job_volume(role: aws_iam.IRole, *, key: aws_kms.IKey, instance_type: str, volume_gb: int) -> Mapping[str, Json]:
    """Return a job's volume as its request writes it, encrypted with the key where the instance allows it."""
    return {"VolumeSizeInGB": volume_gb, **volume_key(role, key=key, instance_type=instance_type)}
