"""Container images that train, evaluate and serve the Neural Topic Model."""

from pathlib import Path
from typing import Literal

from aws_cdk import aws_ecr_assets, aws_iam

from constructs import Construct
from constructs.common.grants import acknowledge_wildcards

DIRECTORY = Path(__file__).parents[2] / "containers" / "ntm"


class NtmImage(Construct):
    """Image built from ``containers/ntm`` and pushed by ``cdk deploy``.

    The target ``serving`` has the programs ``serve`` and ``evaluate``; ``training`` has ``train`` and PyTorch with
    CUDA, which make up most of its size.

    Attributes:
        uri: URI of the image, which contains a hash of its content.
        version: Hash of the image's source files and target, independent of their location.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, target: Literal["serving", "training"]) -> None:
        """Define the image.

        Args:
            scope: Parent construct.
            id: Construct ID.
            name: Name of the environment, ``topicsmith-<environment>``.
            target: Build target of the Dockerfile.
        """
        super().__init__(scope, id)
        self._asset = aws_ecr_assets.DockerImageAsset(
            self,
            "Asset",
            directory=str(DIRECTORY),
            target=target,
            # The platform of SageMaker's GPU instances.
            platform=aws_ecr_assets.Platform.LINUX_AMD64,
            # When stacks are deployed together, the CDK CLI builds identical image assets once and tags them for the
            # first stack's repository only. This argument keeps the assets apart without changing image or hash.
            build_args={"ENVIRONMENT": name},
            invalidation=aws_ecr_assets.DockerImageAssetInvalidationOptions(build_args=False),
        )
        self.uri = self._asset.image_uri
        self.version = self._asset.asset_hash

    def grant_pull(self, grantee: aws_iam.IGrantable) -> None:
        """Allow pulling the image."""
        self._asset.repository.grant_pull(grantee)
        acknowledge_wildcards(grantee, ["*"], "ecr:GetAuthorizationToken, which a pull needs, knows no resources.")

    def grant_describe(self, grantee: aws_iam.IGrantable) -> None:
        """Allow registering the image, which the model registry looks up with the caller's permissions."""
        self._asset.repository.grant(grantee, "ecr:BatchGetImage", "ecr:DescribeImages")
