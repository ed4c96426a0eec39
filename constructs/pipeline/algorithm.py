"""Implementations of the Neural Topic Model, one of which an environment selects."""

from collections.abc import Sequence
from typing import Protocol

from aws_cdk import Stack, aws_iam

from constructs import Construct
from constructs.common.grants import grant
from constructs.definition.expressions import Json
from constructs.pipeline.builtin_image import ACCOUNTS, REPOSITORY, builtin_image
from constructs.pipeline.ntm_image import NtmImage

METRICS = {
    "train:total_loss": "train total_loss <loss>",
    "validation:total_loss": "validation total_loss <loss>",
    "validation:npmi": "validation npmi <score>",
    "validation:tu": "validation tu <score>",
    "validation:npmi_tu": "validation npmi_tu <score>",
    "validation:wetc": "validation wetc <score>",
}
"""Metrics that SageMaker parses from the container's log, with their names in the log.

The last one is only logged if there are word vectors.
"""


class NtmAlgorithm(Protocol):
    """Algorithm that trains and serves topic models."""

    @property
    def name(self) -> str:
        """Name in ``environments/*.yaml``."""

    @property
    def training_image(self) -> str:
        """URI of the image for tuning and training."""

    @property
    def serving_image(self) -> str:
        """URI of the image for batch transform and endpoints."""

    @property
    def metric_definitions(self) -> Sequence[Json]:
        """Metric definitions for parsing the log; empty for algorithms that SageMaker knows."""

    @property
    def writes_checkpoints(self) -> bool:
        """True if interrupted training resumes from a checkpoint."""

    @property
    def needs_scoring(self) -> bool:
        """True if the evaluation needs predictions of a transform job, because it cannot run the model itself."""

    def grant_pull(self, grantee: aws_iam.IGrantable) -> None:
        """Allow pulling the images, which are in one repository."""

    def grant_describe(self, grantee: aws_iam.IGrantable) -> None:
        """Allow registering the image, which the model registry looks up with the caller's permissions."""


class ContainerAlgorithm:
    """NTM in this project's container images."""

    name = "container"
    writes_checkpoints = True
    needs_scoring = False

    def __init__(self, *, training: NtmImage, serving: NtmImage) -> None:
        self.training_image = training.uri
        self.serving_image = serving.uri
        self.metric_definitions: Sequence[Json] = [
            {"Name": name, "Regex": rf"#quality_metric: host=\S+, epoch=\S+, {logged}=(\S+)"}
            for name, logged in METRICS.items()
        ]
        self._serving = serving

    def grant_pull(self, grantee: aws_iam.IGrantable) -> None:
        """Allow pulling the images, which are in one repository."""
        self._serving.grant_pull(grantee)

    def grant_describe(self, grantee: aws_iam.IGrantable) -> None:
        """Allow registering the image, which the model registry looks up with the caller's permissions."""
        self._serving.grant_describe(grantee)


class BuiltInAlgorithm:
    """SageMaker's built-in NTM, from its image in the environment's region."""

    name = "builtin"
    writes_checkpoints = False
    needs_scoring = True
    metric_definitions: Sequence[Json] = ()

    def __init__(self, scope: Construct) -> None:
        stack = Stack.of(scope)
        self.training_image = self.serving_image = builtin_image(stack.region)
        self._repository = stack.format_arn(
            service="ecr", account=ACCOUNTS[stack.region], resource="repository", resource_name=REPOSITORY
        )

    def grant_pull(self, grantee: aws_iam.IGrantable) -> None:
        """Allow pulling the image."""
        grant(
            grantee,
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=[self._repository],
        )
        grant(
            grantee,
            actions=["ecr:GetAuthorizationToken"],
            resources=["*"],
            wildcard="ecr:GetAuthorizationToken, which a pull needs, knows no resources.",
        )

    def grant_describe(self, grantee: aws_iam.IGrantable) -> None:
        """Allow registering the image, which the model registry looks up with the caller's permissions."""
        grant(grantee, actions=["ecr:BatchGetImage", "ecr:DescribeImages"], resources=[self._repository])
