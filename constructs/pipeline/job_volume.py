"""Storage volumes of jobs."""

from collections.abc import Mapping

from aws_cdk import aws_iam, aws_kms

from constructs.common.instance_types import has_local_storage
from constructs.definition.expressions import Json


def volume_key(role: aws_iam.IRole, *, key: aws_kms.IKey, instance_type: str) -> Mapping[str, Json]:
    """Return the request's member for the volume's KMS key, and allow the role to use the key.

    It is empty for instances with local storage, which is encrypted in hardware and does not accept a key.
    """
    if has_local_storage(instance_type):
        return {}
    key.grant(role, "kms:CreateGrant", "kms:DescribeKey")
    return {"VolumeKmsKeyId": key.key_arn}


def job_volume(role: aws_iam.IRole, *, key: aws_kms.IKey, instance_type: str, volume_gb: int) -> Mapping[str, Json]:
    """Return the request's members for a volume, encrypted with the key if the instance supports it."""
    return {"VolumeSizeInGB": volume_gb, **volume_key(role, key=key, instance_type=instance_type)}
