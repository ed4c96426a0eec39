"""Where an environment keeps the images of its container."""

from collections.abc import Sequence

from aws_cdk import DefaultStackSynthesizer, RemovalPolicy, Stack, Tags, aws_ecr, aws_iam

from constructs import Construct
from constructs.common.grants import acknowledge_wildcards, grant

_PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


class ImageRepository(Construct):
    """An image repository of the environment's own, and the role with which CDK publishes to it.

    The repository of ``cdk bootstrap`` is for what templates name, and ``cdk gc`` removes the rest. A registered model
    names its image for as long as it lives: here nothing expires, no tag is written twice, and other accounts may read
    the images of models that are promoted to them.

    Repository and role have names, since CDK has to know them before they exist.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, removal_policy: RemovalPolicy) -> None:
        """Make the repository.

        Args:
            scope: the parent.
            id: the id.
            name: the environment's name, with which both names begin.
            removal_policy: what becomes of the images when the repository is no longer in the template.
        """
        super().__init__(scope, id)
        self._repository = aws_ecr.Repository(
            self,
            "Repository",
            repository_name=repository_name(name),
            image_tag_mutability=aws_ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            removal_policy=removal_policy,
            empty_on_delete=removal_policy is RemovalPolicy.DESTROY,
        )
        self._build_publishing_role(name)

    def share(self, accounts: Sequence[str]) -> None:
        """Let other accounts pull the images, and describe them, as whoever registers a model with one has to."""
        for account in accounts:
            self._repository.add_to_resource_policy(
                aws_iam.PolicyStatement(
                    principals=[aws_iam.AccountPrincipal(account)], actions=[*_PULL, "ecr:DescribeImages"]
                )
            )

    def _build_publishing_role(self, name: str) -> None:
        """Build the role after the one of CDK's bootstrap template, which may write to that template's repository only.

        See ``ImagePublishingRole`` in
        https://github.com/aws/aws-cdk-cli/blob/main/packages/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml.
        """
        role = aws_iam.Role(
            self,
            "PublishingRole",
            role_name=publishing_role_name(name),
            description="Publishes the image of the topic model",
            # A request with an external id is somebody's who acts for others.
            assumed_by=aws_iam.AccountRootPrincipal().with_conditions({"Null": {"sts:ExternalId": "true"}}),
        )
        # Who delivers may be let assume the roles that bear this tag, as those of CDK's bootstrap template do.
        Tags.of(role).add("aws-cdk:bootstrap-role", "image-publishing")
        self._repository.grant_pull_push(role)
        self._repository.grant(role, "ecr:DescribeImages", "ecr:DescribeRepositories")
        acknowledge_wildcards(role, ["*"], "ecr:GetAuthorizationToken, which a push needs, knows no resources.")


def repository_name(name: str) -> str:
    """Return the name of the repository of an environment called ``topicsmith-<environment>``."""
    return f"{name}-images"


def grant_pull_from(role: aws_iam.Role, *, name: str, account: str) -> None:
    """Let a role that may pull images of its own environment pull those of another one.

    Args:
        role: the role.
        name: what the other environment is called, ``topicsmith-<environment>``.
        account: its account.
    """
    repository = Stack.of(role).format_arn(
        service="ecr", account=account, resource="repository", resource_name=repository_name(name)
    )
    grant(role, actions=_PULL, resources=[repository])


def image_synthesizer(name: str) -> DefaultStackSynthesizer:
    """Return what has CDK publish a stack's images to the repository of its environment.

    CDK publishes them when the stacks are deployed on which the stack depends.
    """
    return DefaultStackSynthesizer(
        image_assets_repository_name=repository_name(name),
        image_asset_publishing_role_arn=(
            f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{publishing_role_name(name)}"
        ),
    )


def publishing_role_name(name: str) -> str:
    """Return the name of the role that publishes an environment's images; ``name`` is as for ``repository_name``."""
    return f"{name}-image-publishing"
