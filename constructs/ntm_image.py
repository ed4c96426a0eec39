"""The container image that trains and serves the Neural Topic Model."""

from pathlib import Path

from aws_cdk import aws_ecr_assets, aws_iam

from constructs import Construct
from constructs.grants import acknowledge_wildcards

DIRECTORY = Path(__file__).parent.parent / "containers" / "ntm"


class NtmImage(Construct):
    """The image of ``containers/ntm``; ``cdk deploy`` builds and pushes it.

    Attributes:
        uri: the image's URI, which names its content.
        version: what names the code in the image: the same for the same files, wherever they lie.
    """

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self._asset = aws_ecr_assets.DockerImageAsset(
            self,
            "Asset",
            directory=str(DIRECTORY),
            # What SageMaker's GPU instances are.
            platform=aws_ecr_assets.Platform.LINUX_AMD64,
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
