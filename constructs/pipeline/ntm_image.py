"""The container image that trains and serves the Neural Topic Model."""

from pathlib import Path

from aws_cdk import aws_ecr_assets, aws_iam

from constructs import Construct
from constructs.common.grants import acknowledge_wildcards

DIRECTORY = Path(__file__).parents[2] / "containers" / "ntm"


class NtmImage(Construct):
    """The image of ``containers/ntm``; ``cdk deploy`` builds and pushes it.

    Attributes:
        uri: the image's URI, which names its content.
        version: what names the code in the image: the same for the same files, wherever they lie.
    """

    def __init__(self, scope: Construct, id: str, *, name: str) -> None:
        """Describe the image.

        Args:
            scope: the parent.
            id: the id.
            name: the environment's name, ``topicsmith-<environment>``.
        """
        super().__init__(scope, id)
        self._asset = aws_ecr_assets.DockerImageAsset(
            self,
            "Asset",
            directory=str(DIRECTORY),
            # What SageMaker's GPU instances are.
            platform=aws_ecr_assets.Platform.LINUX_AMD64,
            # Of several stacks that are deployed at once, the CDK CLI builds an image once for those that describe it
            # alike, and names it for the repository of the first one only. This changes neither the image nor its hash.
            build_args={"ENVIRONMENT": name},
            invalidation=aws_ecr_assets.DockerImageAssetInvalidationOptions(build_args=False),
        )
        self.uri = self._asset.image_uri
        self.version = self._asset.asset_hash

    def grant_pull(self, grantee: aws_iam.IGrantable) -> None:
        """Let the grantee run the image."""
        self._asset.repository.grant_pull(grantee)
        acknowledge_wildcards(grantee, ["*"], "ecr:GetAuthorizationToken, which a pull needs, knows no resources.")

    def grant_describe(self, grantee: aws_iam.IGrantable) -> None:
        """Let the grantee register the image: the model registry looks it up as whoever registers."""
        self._asset.repository.grant(grantee, "ecr:BatchGetImage", "ecr:DescribeImages")
