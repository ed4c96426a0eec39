"""What the registry says of a model now; a message may be older."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


@dataclass(frozen=True)
class Registered:
    """A model package as it is now.

    Attributes:
        approval: Approved, Rejected or PendingManualApproval.
        changed: when it was changed last.
    """

    approval: str
    changed: datetime


def look_up(sagemaker: SageMakerClient, model_package: str) -> Registered | None:
    """Return what is registered under an ARN; None where it was deleted.

    Raises:
        botocore.exceptions.ClientError: the registry cannot be asked.
    """
    from botocore.exceptions import ClientError

    try:
        found = sagemaker.describe_model_package(ModelPackageName=model_package)
    except ClientError as error:
        # SageMaker says that it is missing in the words of a validation error only.
        if re.search(r"does not exist|not f(?:ou|i)nd", str(error)):
            return None
        raise
    if found["ModelPackageStatus"] == "Deleting":
        return None
    return Registered(found["ModelApprovalStatus"], found.get("LastModifiedTime", found["CreationTime"]))
