"""KMS keys of jobs' volumes and outputs, for which the execution role needs permissions that nothing else uses.

See ``VolumeKmsKeyId`` in https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingClusterConfig.html and
``KmsKeyId`` in https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_OutputDataConfig.html.
"""

from localcloud.authorization.enforcement import require_of_role
from localcloud.authorization.s3_objects import Permission
from localcloud.core.role_sessions import RoleSession


def require_keys(session: RoleSession, *, volume: str | None = None, output: str | None = None) -> None:
    """Require the permissions of a job's role on its keys, which may be given by ARN.

    Raises:
        NotAuthorized: The role lacks one.
    """
    via = {"kms:viaservice": f"sagemaker.{session.region}.amazonaws.com", "kms:grantisforawsresource": "true"}
    permissions = []
    if volume and volume.startswith("arn:"):
        permissions += [Permission("kms:DescribeKey", volume), Permission("kms:CreateGrant", volume, via)]
    if output and output.startswith("arn:"):
        permissions += [Permission("kms:Encrypt", output)]
    require_of_role(session, permissions)
