"""Promotion by copy: the artifacts and the registry entry in the target's account."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from topicsmith.core.errors import OperatorError
from topicsmith.models import models
from topicsmith.models.models import ModelVersion
from topicsmith.promotion import artifacts, recording
from topicsmith.promotion.candidate import Candidate
from topicsmith.promotion.environments import Side
from topicsmith.promotion.records import Place, Record
from topicsmith.promotion.served import Served
from topicsmith.runs import evaluation
from topicsmith.serving import stack_updates

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import CreateModelPackageInputTypeDef

_FROM, _BY = "PromotedFrom", "PromotedBy"
_RUN = "PipelineExecutionArn"
# Characters that CustomerMetadataProperties rejects, and the maximum length of their values.
_NOT_IN_PROPERTIES = re.compile(r"[^\w .:/=+\-@]")
_LONGEST_PROPERTY = 256


class Registering:
    """Promotion that copies and registers the model. The caller approves it.

    The order is copy, register, record, approve. After an interruption nothing is served without a record, and the same
    promotion continues where it stopped.

    Attributes:
        registered: Model in the target's registry, once it exists.
        steps: Remaining steps, including the caller's approval.
    """

    def __init__(self, source: Side, target: Side, candidate: Candidate, served: Served | None) -> None:
        """Determine the remaining steps.

        Raises:
            OperatorError: The target pins its model, or has rejected this one.
        """
        self._source, self._target, self._candidate, self._served = source, target, candidate, served
        self._require_followed()
        self.registered = self._find()
        self.steps = self._steps()

    @property
    def outcome(self) -> str:
        """Description of the result, with the command that lists the promotions."""
        target, model = self._target, self.registered
        number = f" as version {model.version}" if model else ""
        name = f"Version {self._candidate.model.version} of {self._source.name}"
        hint = f"All promotions: {target.command('history')}"
        if not self.steps:
            return f"Nothing to do: {name} is already registered and approved in {target.name}{number}.\n{hint}"
        return f"{name} is registered in {target.name}{number} and approved for {target.deployment.endpoint}.\n{hint}"

    def carry_out(self, tell: Callable[[str], None]) -> Record:
        """Register the model in the target and return the record.

        Args:
            tell: Callback for each completed step.

        Raises:
            OperatorError: An artifact was deleted, or differs from an earlier copy.
        """
        target = self._target
        copied = {uri: self._copy(origin, uri, tell) for origin, uri in self._copies().items()}
        if self.registered is None:
            self.registered = self._register()
            tell(f"Registered {self.registered.arn}")
        model = self.registered
        return recording.record(
            self._source,
            target,
            self._candidate,
            self._served,
            method="register",
            place=Place(environment=target.name, account=target.account, version=model.version, arn=model.arn),
            artifacts=copied,
            resumes=model.approval != "Approved",
        )

    def _steps(self) -> list[str]:
        deployment, model = self._target.deployment, self.registered
        copy = f"copy its artifacts to s3://{deployment.data_bucket}/{self._folder('models')}/"
        approve = f"approve it there, which deploys it to endpoint {deployment.endpoint}"
        if model is None:
            return [copy, f"register it in {deployment.model_package_group} of account {self._target.account}", approve]
        if model.approval == "Approved" and model.version == self._goal():
            return []
        return [f"{approve}; it is already version {model.version} of {self._target.name}"]

    def _goal(self) -> int | None:
        """Return the served version, or the one that an update in progress deploys."""
        target = self._target
        latest = next(iter(stack_updates.updates(target.clients.cloudformation, target.deployment.serving_stack)), None)
        if latest and latest.version and latest.status == "UPDATE_IN_PROGRESS":
            return latest.version
        return self._served.version if self._served and self._served.owner == target.name else None

    def _find(self) -> ModelVersion | None:
        """Return the model if it was promoted before.

        Versions start at 1 again in a source that was deleted and redeployed; the run distinguishes them.

        Raises:
            OperatorError: The model has been rejected since.
        """
        sagemaker, origin = self._target.clients.sagemaker, self._candidate.properties.get(_RUN)
        for arn in models.arns(sagemaker, self._target.deployment.model_package_group):
            package = sagemaker.describe_model_package(ModelPackageName=arn)
            properties = package.get("CustomerMetadataProperties", {})
            if properties.get(_FROM) != self._candidate.model.arn or properties.get(_RUN) != origin:
                continue
            found = models.describe(sagemaker, arn)
            if found.approval == "Rejected":
                raise self._rejected(found, package.get("ApprovalDescription", ""))
            return found
        return None

    def _rejected(self, found: ModelVersion, reason: str) -> OperatorError:
        name = self._target.name
        because = f": {reason.rstrip('.')}" if reason else ""
        return OperatorError(
            f"Version {self._candidate.model.version} of {self._source.name} was promoted before, as version "
            f"{found.version} of {name}, and is Rejected there{because}.",
            f"To serve it anyway: {self._target.command(f'approve {found.version} --wait')}",
        )

    def _require_followed(self) -> None:
        target = self._target
        if not target.deployment.follows_approvals:
            raise OperatorError(
                f"{target.file.shown} has promotion.method: register, but pins the model that {target.name} serves, so "
                "an approval has no effect.",
                f"Remove serving.model_package from {target.file.shown} and deploy: make deploy ENV={target.name}\n"
                "Or set promotion.method: pin",
            )

    def _folder(self, prefix: str) -> str:
        """Return the folder of the copies in the target's bucket, unique to this model."""
        model = self._candidate.model
        return "-".join(filter(None, [f"{prefix}/promoted", self._source.name, str(model.version), model.run]))

    def _copies(self) -> dict[str, str]:
        """Return the S3 URI of each copy, by the URI of its original."""
        candidate, bucket = self._candidate, self._target.deployment.data_bucket
        copies = {
            candidate.model.data_uri: f"s3://{bucket}/{self._folder('models')}/model.tar.gz",
            candidate.document_uri: f"s3://{bucket}/{self._folder('evaluation')}/{evaluation.DOCUMENT}",
        }
        if candidate.report_uri:
            copies[candidate.report_uri] = f"s3://{bucket}/{self._folder('evaluation')}/{evaluation.REPORT}"
        return copies

    def _copy(self, origin: str, uri: str, tell: Callable[[str], None]) -> str:
        digest = artifacts.copy(self._source.clients.s3, self._target.clients.s3, origin, uri)
        tell(f"Copied: {uri}, SHA-256 {digest[:12]}…")
        return digest

    def _register(self) -> ModelVersion:
        """Register the copy, pending approval.

        Supported instance types are omitted, since those of the original were chosen for the source environment.
        """
        candidate, target = self._candidate, self._target
        specification = candidate.package["InferenceSpecification"]
        copies = self._copies()
        request: CreateModelPackageInputTypeDef = {
            "ModelPackageGroupName": target.deployment.model_package_group,
            "ModelPackageDescription": f"Version {candidate.model.version} of {self._source.name}",
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": {
                "Containers": [
                    {
                        "Image": specification["Containers"][0]["Image"],
                        "ModelDataUrl": copies[candidate.model.data_uri],
                    }
                ],
                "SupportedContentTypes": specification.get("SupportedContentTypes", []),
                "SupportedResponseMIMETypes": specification.get("SupportedResponseMIMETypes", []),
            },
            "ModelMetrics": {
                "ModelQuality": {
                    "Statistics": {"ContentType": "application/json", "S3Uri": copies[candidate.document_uri]}
                },
            },
            "CustomerMetadataProperties": {
                **candidate.properties,
                _FROM: candidate.model.arn,
                _BY: _NOT_IN_PROPERTIES.sub("_", target.clients.caller)[:_LONGEST_PROPERTY],
            },
        }
        if candidate.report_uri:
            request["ModelMetrics"]["Explainability"] = {
                "Report": {"ContentType": "text/html", "S3Uri": copies[candidate.report_uri]}
            }
        arn = target.clients.sagemaker.create_model_package(**request)["ModelPackageArn"]
        return models.describe(target.clients.sagemaker, arn)
