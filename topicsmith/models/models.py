"""Model versions in an environment's model package group, and their approval."""

import itertools
import quopri
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
    """Registered model version.

    Attributes:
        approval: PendingManualApproval, Approved or Rejected.
        changed: Time of the last change, for example the approval.
        data_uri: S3 URI of the model.tar.gz.
        run: ID of the run that trained the model, which is also the prefix of its artifacts.
        corpus: S3 URI of the training corpus.
        npmi: Mean coherence of the topics on held-out documents, from -1 to 1.
        topic_uniqueness: Mean uniqueness of the topics, up to 1.
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
    """Return the newest model version of an environment.

    Raises:
        OperatorError: The environment has no models.
    """
    found = latest(sagemaker, deployment.model_package_group, 1)
    if not found:
        raise _no_models(deployment)
    return found[0]


def find(sagemaker: "SageMakerClient", deployment: Deployment, version: int) -> ModelVersion:
    """Return version ``version`` of an environment's model.

    Raises:
        OperatorError: The version does not exist; the message lists the existing ones.
    """
    there = {int(id_of(arn)): arn for arn in arns(sagemaker, deployment.model_package_group)}
    if not there:
        raise _no_models(deployment)
    if version not in there:
        raise OperatorError(
            f"{deployment.model_package_group} has no version {version}. "
            f"Existing versions: {', '.join(map(str, sorted(there)))}.",
            f"List them: {deployment.command('models')}",
        )
    return describe(sagemaker, there[version])


def describe(sagemaker: "SageMakerClient", arn: str) -> ModelVersion:
    """Return the model version with the given model package ARN."""
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
        corpus=_unquoted(origin["CorpusUri"]) if "CorpusUri" in origin else None,
        npmi=float(origin["Npmi"]) if "Npmi" in origin else None,
        topic_uniqueness=float(origin["TopicUniqueness"]) if "TopicUniqueness" in origin else None,
    )


def _unquoted(value: str) -> str:
    """Return a text whose characters that the registry rejects were quoted by the preprocessing."""
    return quopri.decodestring(value.encode()).decode(errors="replace")


def approve(sagemaker: "SageMakerClient", model: ModelVersion) -> None:
    """Approve a model version. An environment that follows approvals then deploys it to its endpoint."""
    if model.approval == "Approved":
        # Only a change of the status triggers the deployment. Reset it to deploy an approved version again.
        sagemaker.update_model_package(ModelPackageArn=model.arn, ModelApprovalStatus="PendingManualApproval")
    sagemaker.update_model_package(ModelPackageArn=model.arn, ModelApprovalStatus="Approved")


def reject(sagemaker: "SageMakerClient", model: ModelVersion, reason: str) -> None:
    """Reject a model version, which prevents it from being served again; ``reason`` is stored with it."""
    sagemaker.update_model_package(
        ModelPackageArn=model.arn, ModelApprovalStatus="Rejected", ApprovalDescription=reason
    )


def approved(sagemaker: "SageMakerClient", group: str) -> dict[int, str]:
    """Return the ARNs of the approved versions in a model package group, by version."""
    return {int(id_of(arn)): arn for arn in arns(sagemaker, group, approval="Approved")}


def arns(sagemaker: "SageMakerClient", group: str, approval: "ModelApprovalStatusType | None" = None) -> list[str]:
    """Return the ARNs of the versions in a model package group, newest first.

    Raises:
        OperatorError: The group does not exist.
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
            f"Model package group {group} does not exist, although its stack defines it: it was deleted manually.",
            "Deploy the environment again.",
        ) from error
    return [package["ModelPackageArn"] for page in pages for package in page["ModelPackageSummaryList"]]


def _no_models(deployment: Deployment) -> OperatorError:
    return OperatorError(
        f"{deployment.model_package_group} has no models yet.",
        f"Train one: {deployment.command('run corpus.csv')}",
    )
