"""Models: the versions in an environment's model package group, and their approval."""

import itertools
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from topicsmith.core.environment import Deployment
from topicsmith.core.errors import OperatorError, is_missing
from topicsmith.runs.runs import id_of

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.literals import ModelApprovalStatusType
    from mypy_boto3_sagemaker.type_defs import ListModelPackagesInputPaginateTypeDef


@dataclass(frozen=True)
class ModelVersion:
    """One registered model.

    Attributes:
        approval: PendingManualApproval, Approved or Rejected.
        changed: when it was changed last, for example approved.
        data_uri: S3 URI of its model.tar.gz.
        run: the id of the run that trained it, under which its artifacts lie.
        corpus: S3 URI of what it was trained on.
        npmi: mean coherence of its topics on held-out documents, from -1 to 1.
        topic_uniqueness: their mean uniqueness, up to 1.
    """

    version: int
    arn: str
    approval: str
    created: datetime
    changed: datetime
    data_uri: str
    run: str | None
    corpus: str | None
    npmi: float | None
    topic_uniqueness: float | None

    def record(self) -> dict[str, object]:
        """Return the version as ``--json`` prints it."""
        return {
            "version": self.version,
            "approval": self.approval,
            "created": self.created,
            "run": self.run,
            "corpus": self.corpus,
            "npmi": self.npmi,
            "topic_uniqueness": self.topic_uniqueness,
            "model_data": self.data_uri,
            "arn": self.arn,
        }


def latest(sagemaker: "SageMakerClient", group: str, limit: int) -> list[ModelVersion]:
    """Return the latest ``limit`` versions in a model package group, newest first."""
    return [describe(sagemaker, arn) for arn in itertools.islice(arns(sagemaker, group), limit)]


def newest(sagemaker: "SageMakerClient", deployment: Deployment) -> ModelVersion:
    """Return the newest model of an environment.

    Raises:
        OperatorError: there is none.
    """
    found = latest(sagemaker, deployment.model_package_group, 1)
    if not found:
        raise _no_models(deployment)
    return found[0]


def find(sagemaker: "SageMakerClient", deployment: Deployment, version: int) -> ModelVersion:
    """Return version ``version`` of an environment's model.

    Raises:
        OperatorError: there is no such version; it names those that exist.
    """
    there = {int(id_of(arn)): arn for arn in arns(sagemaker, deployment.model_package_group)}
    if not there:
        raise _no_models(deployment)
    if version not in there:
        raise OperatorError(
            f"{deployment.model_package_group} has no version {version}. It has: {', '.join(map(str, sorted(there)))}.",
            f"See them: {deployment.command('models')}",
        )
    return describe(sagemaker, there[version])


def describe(sagemaker: "SageMakerClient", arn: str) -> ModelVersion:
    """Return the model that a model package's ARN names."""
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    container = package["InferenceSpecification"]["Containers"][0]
    origin = package.get("CustomerMetadataProperties", {})
    return ModelVersion(
        version=int(id_of(arn)),
        arn=arn,
        approval=package["ModelApprovalStatus"],
        created=package["CreationTime"],
        changed=package.get("LastModifiedTime", package["CreationTime"]),
        data_uri=container.get("ModelDataUrl") or container["ModelDataSource"]["S3DataSource"]["S3Uri"],
        run=id_of(origin["PipelineExecutionArn"]) if "PipelineExecutionArn" in origin else None,
        corpus=origin.get("CorpusUri"),
        npmi=float(origin["Npmi"]) if "Npmi" in origin else None,
        topic_uniqueness=float(origin["TopicUniqueness"]) if "TopicUniqueness" in origin else None,
    )


def approve(sagemaker: "SageMakerClient", model: ModelVersion) -> None:
    """Approve a model: where the environment follows approvals, its endpoint then comes to serve it."""
    if model.approval == "Approved":
        # The event that serves a model tells of a change: to go back to an earlier version, make it one.
        sagemaker.update_model_package(ModelPackageArn=model.arn, ModelApprovalStatus="PendingManualApproval")
    sagemaker.update_model_package(ModelPackageArn=model.arn, ModelApprovalStatus="Approved")


def reject(sagemaker: "SageMakerClient", model: ModelVersion, reason: str) -> None:
    """Reject a model, so that it is not served again; ``reason`` is kept with it."""
    sagemaker.update_model_package(
        ModelPackageArn=model.arn, ModelApprovalStatus="Rejected", ApprovalDescription=reason
    )


def approved(sagemaker: "SageMakerClient", group: str) -> dict[int, str]:
    """Return the ARNs of the approved models in a model package group, by version."""
    return {int(id_of(arn)): arn for arn in arns(sagemaker, group, approval="Approved")}


def arns(sagemaker: "SageMakerClient", group: str, approval: "ModelApprovalStatusType | None" = None) -> list[str]:
    """Return the ARNs of the models in a model package group, newest first; of one approval status, or of all.

    Raises:
        OperatorError: there is no such group.
    """
    from botocore.exceptions import ClientError

    request: ListModelPackagesInputPaginateTypeDef = {
        "ModelPackageGroupName": group,
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
    }
    if approval:
        request["ModelApprovalStatus"] = approval
    try:
        pages = list(sagemaker.get_paginator("list_model_packages").paginate(**request))
    except ClientError as error:
        if not is_missing(error):
            raise
        raise OperatorError(
            f"There is no model package group {group}, though its stack says so: it was deleted by hand.",
            "Deploy the environment again.",
        ) from error
    return [package["ModelPackageArn"] for page in pages for package in page["ModelPackageSummaryList"]]


def _no_models(deployment: Deployment) -> OperatorError:
    return OperatorError(
        f"{deployment.model_package_group} has no models yet.",
        f"Train one: {deployment.command('run corpus.csv')}",
    )
