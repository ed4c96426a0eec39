"""Image repository of an environment."""

from collections.abc import Sequence

from aws_cdk import DefaultStackSynthesizer, RemovalPolicy, Stack, Tags, aws_ecr, aws_iam

from constructs import Construct
from constructs.common.grants import acknowledge_wildcards, grant
from constructs.common.removal import removal_of_named

_PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


class ImageRepository(Construct):
    """ECR repository of the environment, and the role that CDK uses to publish images.

    Images in the repository of ``cdk bootstrap`` are removed by ``cdk gc`` once no template refers to them, but a
    registered model needs its image for as long as it exists. Here, images never expire, tags are immutable, and other
    accounts can be allowed to pull the images of models promoted to them.

    The repository and the role have fixed names, since CDK must know them before they exist.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, removal_policy: RemovalPolicy) -> None:
        """Create the repository.

        Args:
            scope: Parent construct.
            id: Construct ID.
            name: Prefix of both names, ``topicsmith-<environment>``.
            removal_policy: Removal policy of the repository and its images.
        """
        super().__init__(scope, id)
        self._repository = aws_ecr.Repository(
            self,
            "Repository",
            repository_name=repository_name(name),
            image_tag_mutability=aws_ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            removal_policy=removal_of_named(removal_policy),
            empty_on_delete=removal_policy is RemovalPolicy.DESTROY,
        )
        self._build_publishing_role(name)

    def share(self, accounts: Sequence[str]) -> None:
        """Allow other accounts to pull and describe the images; registering a model requires both."""
        for account in accounts:
            self._repository.add_to_resource_policy(
                aws_iam.PolicyStatement(
                    principals=[aws_iam.AccountPrincipal(account)], actions=[*_PULL, "ecr:DescribeImages"]
                )
            )

    def _build_publishing_role(self, name: str) -> None:
        """Build a counterpart of CDK's image publishing role, which is limited to the bootstrap repository.

        See ``ImagePublishingRole`` in
        https://github.com/aws/aws-cdk-cli/blob/main/packages/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml.
        """
        role = aws_iam.Role(
            self,
            "PublishingRole",
            role_name=publishing_role_name(name),
            description="Publishes container images of the environment",
            # A request with an external ID comes from a third party that acts on behalf of others.
            assumed_by=aws_iam.AccountRootPrincipal().with_conditions({"Null": {"sts:ExternalId": "true"}}),
        )
        # The bootstrap roles have this tag; deployers may be allowed to assume roles by it.
        Tags.of(role).add("aws-cdk:bootstrap-role", "image-publishing")
        self._repository.grant_pull_push(role)
        self._repository.grant(role, "ecr:DescribeImages", "ecr:DescribeRepositories")
        acknowledge_wildcards(role, ["*"], "ecr:GetAuthorizationToken, which a push needs, knows no resources.")


def repository_name(name: str) -> str:
    """Return the name of an environment's repository; ``name`` is ``topicsmith-<environment>``."""
    return f"{name}-images"


def grant_pull_from(role: aws_iam.Role, *, name: str, account: str) -> None:
    """Allow a role to pull images of another environment.

    Args:
        role: Role that may already pull images of its own environment.
        name: Name of the other environment, ``topicsmith-<environment>``.
        account: Account of the other environment.
    """
    repository = Stack.of(role).format_arn(
        service="ecr", account=account, resource="repository", resource_name=repository_name(name)
    )
    grant(role, actions=_PULL, resources=[repository])


def image_synthesizer(name: str) -> DefaultStackSynthesizer:
    """Return a synthesizer that publishes a stack's images to the repository of its environment.

    CDK publishes the images after it has deployed the stack's dependencies.
    """
    return DefaultStackSynthesizer(
        image_assets_repository_name=repository_name(name),
        image_asset_publishing_role_arn=(
            f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{publishing_role_name(name)}"
        ),
    )


def publishing_role_name(name: str) -> str:
    """Return the name of the role that publishes an environment's images; ``name`` is ``topicsmith-<environment>``."""
    return f"{name}-image-publishing"
