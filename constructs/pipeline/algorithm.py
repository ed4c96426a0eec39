"""The two implementations of the Neural Topic Model between which an environment chooses."""

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
"""The metrics that SageMaker takes from the log of our container, and how the log names them.

The last one is there where there are word vectors.
"""


class NtmAlgorithm(Protocol):
    """What trains and serves topic models."""

    @property
    def name(self) -> str:
        """What ``environments/*.yaml`` calls it."""

    @property
    def image(self) -> str:
        """URI of the image that trains and that serves."""

    @property
    def metric_definitions(self) -> Sequence[Json]:
        """How SageMaker finds the metrics in the log; none where SageMaker knows it itself."""

    @property
    def writes_checkpoints(self) -> bool:
        """Whether training goes on where it was interrupted."""

    @property
    def needs_scoring(self) -> bool:
        """Whether only the image itself can have its models read documents, and our evaluation cannot."""

    def grant_pull(self, grantee: aws_iam.IGrantable) -> None:
        """Let the grantee run the image."""

    def grant_describe(self, grantee: aws_iam.IGrantable) -> None:
        """Let the grantee register the image: the model registry looks it up as whoever registers."""


class ContainerAlgorithm:
    """The container of this project."""

    name = "container"
    writes_checkpoints = True
    needs_scoring = False

    def __init__(self, image: NtmImage) -> None:
        self.image = image.uri
        self.metric_definitions: Sequence[Json] = [
            {"Name": name, "Regex": rf"#quality_metric: host=\S+, epoch=\S+, {logged}=(\S+)"}
            for name, logged in METRICS.items()
        ]
        self._image = image

    def grant_pull(self, grantee: aws_iam.IGrantable) -> None:
        """Let the grantee run the image."""
        self._image.grant_pull(grantee)

    def grant_describe(self, grantee: aws_iam.IGrantable) -> None:
        """Let the grantee register the image: the model registry looks it up as whoever registers."""
        self._image.grant_describe(grantee)


class BuiltInAlgorithm:
    """The one that is built into SageMaker, of which the environment's region has the image."""

    name = "builtin"
    writes_checkpoints = False
    needs_scoring = True
    metric_definitions: Sequence[Json] = ()

    def __init__(self, scope: Construct) -> None:
        stack = Stack.of(scope)
        self.image = builtin_image(stack.region)
        self._repository = stack.format_arn(
            service="ecr", account=ACCOUNTS[stack.region], resource="repository", resource_name=REPOSITORY
        )

    def grant_pull(self, grantee: aws_iam.IGrantable) -> None:
        """Let the grantee run the image."""
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
        """Let the grantee register the image: the model registry looks it up as whoever registers."""
        grant(grantee, actions=["ecr:BatchGetImage", "ecr:DescribeImages"], resources=[self._repository])
