"""Lookup of model packages in the registry, since events may be out of date."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


@dataclass(frozen=True)
class Registered:
    """Current state of a model package.

    Attributes:
        approval: ``Approved``, ``Rejected`` or ``PendingManualApproval``.
        changed: Time of the last change.
    """

    approval: str
    changed: datetime


def look_up(sagemaker: SageMakerClient, model_package: str) -> Registered | None:
    """Return the state of a model package, or None if it was deleted.

    Raises:
        botocore.exceptions.ClientError: The model package cannot be read.
    """
    from botocore.exceptions import ClientError

    try:
        found = sagemaker.describe_model_package(ModelPackageName=model_package)
    except ClientError as error:
        # SageMaker reports a missing model package as a validation error; only the message tells them apart.
        if re.search(r"does not exist|not f(?:ou|i)nd", str(error)):
            return None
        raise
    if found["ModelPackageStatus"] == "Deleting":
        return None
    return Registered(found["ModelApprovalStatus"], found.get("LastModifiedTime", found["CreationTime"]))
