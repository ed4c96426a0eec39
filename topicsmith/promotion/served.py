"""Model currently served by the target of a promotion."""

from dataclasses import dataclass

from topicsmith.core.aws import Clients
from topicsmith.core.errors import OperatorError, is_denied, is_missing
from topicsmith.models.models import ModelVersion, describe
from topicsmith.promotion.environments import Side
from topicsmith.promotion.records import Before
from topicsmith.runs import evaluation
from topicsmith.runs.evaluation import Evaluation
from topicsmith.serving import serving


@dataclass(frozen=True)
class Served:
    """Model that answers requests.

    Attributes:
        arn: ARN of the model package.
        version: Version of the model package.
        owner: Name of the environment whose registry contains it.
        model: Registry entry; None if it was deleted or access is denied.
        evaluation: Evaluation; None if it was deleted.
    """

    arn: str
    version: int
    owner: str
    model: ModelVersion | None
    evaluation: Evaluation | None

    @property
    def before(self) -> Before:
        """Model in the form of a promotion record."""
        return Before(arn=self.arn, version=self.version)


def now(target: Side, source: Side) -> Served | None:
    """Return the model that the target serves, if any; it may be a pinned model of the source."""
    endpoint = serving.endpoint(target.clients.sagemaker, target.deployment.endpoint)
    if endpoint is None or endpoint.model_package is None or endpoint.model_version is None:
        return None
    owner = source if source.owns(endpoint.model_package) else target
    model, found = _look_up(owner.clients, endpoint.model_package)
    return Served(endpoint.model_package, endpoint.model_version, owner.name, model, found)


def _look_up(clients: Clients, arn: str) -> tuple[ModelVersion | None, Evaluation | None]:
    from botocore.exceptions import ClientError

    try:
        package = clients.sagemaker.describe_model_package(ModelPackageName=arn)
    except ClientError as error:
        # It may have been deleted, or belong to an environment that neither side may read.
        if not (is_missing(error) or is_denied(error)):
            raise
        return None, None
    model = describe(clients.sagemaker, arn)
    uri = package.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {}).get("S3Uri", "")
    try:
        return model, evaluation.read(clients.s3, uri.rpartition("/")[0]) if uri else None
    except OperatorError:
        # The comparison then lacks a column; the candidate itself has been checked.
        return model, None
