"""Amazon ECR with tokens that Docker can push with, and repositories in CloudFormation that have policies.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-repository.html.
"""

import base64
import json
from datetime import timedelta

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ecr import urls
from moto.ecr.models import ECRBackend, RepositoryUpdateProperty, ecr_backends
from moto.ecr.responses import ECRResponse
from moto.iam.access_control import create_access_key

from localcloud.core import ecr_tokens
from localcloud.core.principals import require_known_principals
from localcloud.core.resource_model import ResourceModel

_TOKEN_HOURS = 12


class ContainerRegistryResponse(ECRResponse):
    """ECR's API, with operations that moto lacks or that depend on the caller."""

    def get_authorization_token(self) -> ActionResult:
        """Handle GetAuthorizationToken: the token carries its caller's permissions."""
        caller = create_access_key(self.current_account, self.partition, self.access_key, self.headers)
        password = ecr_tokens.encode(caller.create_credentials())
        return ActionResult(
            {
                "authorizationData": [
                    {
                        "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
                        "expiresAt": utcnow() + timedelta(hours=_TOKEN_HOURS),
                        "proxyEndpoint": f"https://{registry}.dkr.ecr.{self.region}.amazonaws.com",
                    }
                    for registry in self._get_param("registryIds") or [self.current_account]
                ]
            }
        )

    def put_image(self) -> ActionResult:
        """Handle PutImage; moto crashes if the repository does not exist."""
        self.ecr_backend.describe_repositories(repository_names=[self._get_param("repositoryName")])
        return super().put_image()

    def get_download_url_for_layer(self) -> ActionResult:  # type: ignore[override]
        """Handle GetDownloadUrlForLayer: the URL is a placeholder, because images are read from disk."""
        digest, repository = self._get_param("layerDigest"), self._get_param("repositoryName")
        url = f"https://layers.invalid/{self.current_account}/{self.region}/{repository}/{digest}"
        return ActionResult({"layerDigest": digest, "downloadUrl": url})


class RepositoryResource(ResourceModel):
    """``AWS::ECR::Repository``; moto's has no policy and is replaced when its encryption is set."""

    TYPE = "AWS::ECR::Repository"

    @property
    def physical_resource_id(self) -> str:
        """The repository's name."""
        return str(self.properties.get("RepositoryName", self.name.lower()))

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the repository's ARN or its URI."""
        repository = self._ecr.repositories[self.physical_resource_id]
        return str({"Arn": repository.arn, "RepositoryUri": repository.uri}[attribute_name])

    def put(self) -> None:
        """Create or update the repository."""
        name, tags = self.physical_resource_id, self.properties.get("Tags", [])
        scanning = {"scanOnPush": self.properties.get("ImageScanningConfiguration", {}).get("ScanOnPush", False)}
        mutability = self.properties.get("ImageTagMutability", "MUTABLE")
        if name not in self._ecr.repositories:
            self._ecr.create_repository(name, self.account_id, {}, scanning, mutability, tags)
        repository = self._ecr.repositories[name]
        repository.update(RepositoryUpdateProperty.IMAGE_SCANNING_CONFIGURATION, image_scanning_configuration=scanning)
        repository.update(RepositoryUpdateProperty.IMAGE_TAG_MUTABILITY, image_tag_mutability=mutability)
        self._ecr.tagger.tag_resource(repository.arn, tags)
        policy = self.properties.get("RepositoryPolicyText")
        if policy:
            require_known_principals(policy)
        repository.policy = json.dumps(policy) if policy else None

    def remove(self) -> None:
        """Delete the repository; with ``EmptyOnDelete`` even if it contains images."""
        force = str(self.properties.get("EmptyOnDelete", False)).lower() == "true"
        self._ecr.delete_repository(self.physical_resource_id, self.account_id, force)

    @property
    def _ecr(self) -> ECRBackend:
        return ecr_backends[self.account_id][self.region_name]


def install() -> None:
    """Replace the API's operations."""
    urls.url_paths["{0}/$"] = ContainerRegistryResponse.dispatch
