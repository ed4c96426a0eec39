"""Candidate of a promotion, and the checks that it must pass."""

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
    """Approved model version of the source environment, with its evaluation.

    Attributes:
        model: Model version.
        package: Description of the model package in the registry.
        evaluation_uri: S3 URI of the folder of ``evaluation.json``, without a trailing slash.
        report_uri: S3 URI of the report, if there is one.
        evaluation: Content of ``evaluation.json``.
    """

    model: ModelVersion
    package: "DescribeModelPackageOutputTypeDef"
    evaluation_uri: str
    report_uri: str | None
    evaluation: Evaluation

    @property
    def properties(self) -> dict[str, str]:
        """Customer metadata of the package: origin and quality of the model."""
        return dict(self.package.get("CustomerMetadataProperties", {}))

    @property
    def document_uri(self) -> str:
        """S3 URI of ``evaluation.json``."""
        return f"{self.evaluation_uri}/{evaluation.DOCUMENT}"


def find(source: Side, version: int) -> Candidate:
    """Return a version of the source environment, ready for promotion.

    Raises:
        OperatorError: The version does not exist, is not approved, was not evaluated, or failed the source's gate.
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
            f"Train a model with the pipeline: {source.command('run corpus.csv')}",
        )
    found = evaluation.read(clients.s3, place)
    if not found.gate.passed:
        raise OperatorError(
            f"Version {version} of {source.name} did not pass the gate of {source.name}: {found.gate.reason}.",
            "A promotion cannot bypass the gate. Train a better model. If the gate is too strict, change it in "
            f"{source.file.shown}, deploy, and train again.",
        )
    report = metrics.get("Explainability", {}).get("Report", {}).get("S3Uri")
    return Candidate(model, package, place, report, found)


def target_gate(target: Side) -> tuple[Threshold, ...]:
    """Return the deployed thresholds of the target environment."""
    pipeline = runs.pipeline(target.clients.sagemaker, target.deployment.pipeline)
    return gate.thresholds(pipeline.definition)


def require_good_enough(candidate: Candidate, source: Side, target: Side, thresholds: Sequence[Threshold]) -> None:
    """Check that the model passes the target's gate.

    Raises:
        OperatorError: The model fails the gate; the message lists the failed thresholds.
    """
    failed = [check for check in gate.judge(candidate.evaluation, thresholds, target.name) if not check.passed]
    if failed:
        raise OperatorError(
            f"Version {candidate.model.version} of {source.name} does not pass the gate of {target.name}: "
            f"{'; '.join(map(explain, failed))}.",
            f"Promote a better model. If the gate of {target.name} is too strict, change "
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
            f"List the versions: {source.command('models')}\nTo serve it anyway: {approve}",
        )
    look = f"Review it: {source.command(f'report {model.run}')}\n" if model.run else ""
    raise OperatorError(
        f"{name} is {model.approval}. Only an approved version can be promoted.", f"{look}Approve it: {approve}"
    )


def explain(check: Check) -> str:
    """Explain a failed check in the same words as the gate of the pipeline, ``ntm/evaluation/gate.py``."""
    value, limit = f"{check.value:.4g}", f"{check.threshold:.4g}"
    bound = "at least" if check.kind == "at_least" else "at most"
    if check.metric.endswith("_to_baseline"):
        name = check.metric.removesuffix("_to_baseline")
        return f"{name} is {value} times the LDA baseline; it must be {bound} {limit} times the baseline"
    if check.metric.endswith("_over_baseline"):
        name = check.metric.removesuffix("_over_baseline")
        required = _difference(check.threshold, "the baseline") if check.threshold else "equal"
        return f"{name} is {_difference(check.value, 'the LDA baseline')}; it must be {bound} {required}"
    return f"{check.metric} {value} is {'below' if check.kind == 'at_least' else 'above'} {limit}"


def _difference(value: float, baseline: str) -> str:
    return f"{abs(value):.4g} {'above' if value >= 0 else 'below'} {baseline}"
