"""The version that is to be promoted, and whether it may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topicsmith.core.errors import OperatorError
from topicsmith.models import gate, models
from topicsmith.models.gate import Threshold
from topicsmith.models.models import ModelVersion
from topicsmith.promotion.environments import Side
from topicsmith.runs import evaluation, runs
from topicsmith.runs.evaluation import Check, Evaluation

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeModelPackageOutputTypeDef


@dataclass(frozen=True)
class Candidate:
    """An approved version of the source environment, with its evaluation.

    Attributes:
        model: the version.
        package: all that the registry says of it.
        evaluation_uri: S3 URI under which ``evaluation.json`` lies, without a slash at the end.
        report_uri: S3 URI of the same for people, if there is one.
        evaluation: how good it is.
    """

    model: ModelVersion
    package: "DescribeModelPackageOutputTypeDef"
    evaluation_uri: str
    report_uri: str | None
    evaluation: Evaluation

    @property
    def properties(self) -> dict[str, str]:
        """Where it comes from and how good it is, as text by name."""
        return dict(self.package.get("CustomerMetadataProperties", {}))

    @property
    def document_uri(self) -> str:
        """S3 URI of ``evaluation.json``."""
        return f"{self.evaluation_uri}/{evaluation.DOCUMENT}"


def find(source: Side, version: int) -> Candidate:
    """Return a version of the source environment that may leave it.

    Raises:
        OperatorError: there is none, it is not approved, it was not evaluated, or its own gate rejected it.
    """
    clients = source.clients
    model = models.find(clients.sagemaker, source.deployment, version)
    package = clients.sagemaker.describe_model_package(ModelPackageName=model.arn)
    _require_approved(source, model, package.get("ApprovalDescription", ""))
    metrics = package.get("ModelMetrics", {})
    place, _, document = metrics.get("ModelQuality", {}).get("Statistics", {}).get("S3Uri", "").rpartition("/")
    if document != evaluation.DOCUMENT:
        raise OperatorError(
            f"Version {version} of {source.name} has no evaluation: it was not registered by the pipeline.",
            f"Train one that has: {source.command('run corpus.csv')}",
        )
    found = evaluation.read(clients.s3, place)
    if not found.gate.passed:
        raise OperatorError(
            f"Version {version} of {source.name} did not pass the gate of {source.name}: {found.gate.reason}.",
            "A promotion does not pass it by. Train a better model, or, if the gate asks for too much, change gate in "
            f"{source.file.shown}, deploy, and train again.",
        )
    report = metrics.get("Explainability", {}).get("Report", {}).get("S3Uri")
    return Candidate(model, package, place, report, found)


def target_gate(target: Side) -> tuple[Threshold, ...]:
    """Return the thresholds of the target environment, as they are deployed."""
    pipeline = runs.pipeline(target.clients.sagemaker, target.deployment.pipeline)
    return gate.thresholds(pipeline.definition)


def require_good_enough(candidate: Candidate, source: Side, target: Side, thresholds: Sequence[Threshold]) -> None:
    """Make sure that the model would pass the target's own gate.

    Raises:
        OperatorError: it would not; it names each threshold.
    """
    failed = [check for check in gate.judge(candidate.evaluation, thresholds, target.name) if not check.passed]
    if failed:
        raise OperatorError(
            f"Version {candidate.model.version} of {source.name} does not pass the gate of {target.name}: "
            f"{'; '.join(map(_sentence, failed))}.",
            f"There is no way around it. Promote a better model, or, if {target.name} asks for too much, change "
            f"{', '.join(f'gate.{check.metric}' for check in failed)} in {target.file.shown} and deploy: "
            f"make deploy ENV={target.name}",
        )


def _require_approved(source: Side, model: ModelVersion, reason: str) -> None:
    if model.approval == "Approved":
        return
    name = f"Version {model.version} of {source.name}"
    approve = source.command(f"approve {model.version} --wait")
    if model.approval == "Rejected":
        because = f": {reason.rstrip('.')}" if reason else ""
        raise OperatorError(
            f"{name} is Rejected{because}. Only an approved version can be promoted.",
            f"See which ones are: {source.command('models')}\nIf it is to be served after all: {approve}",
        )
    look = f"Look at it: {source.command(f'report {model.run}')}\n" if model.run else ""
    raise OperatorError(
        f"{name} is {model.approval}. Only an approved version can be promoted.", f"{look}Approve it: {approve}"
    )


def _sentence(check: Check) -> str:
    return f"{check.metric} is {check.value:.4g}, {'at least' if check.kind == 'at_least' else 'at most'} " + (
        f"{check.threshold:g} is asked for"
    )
