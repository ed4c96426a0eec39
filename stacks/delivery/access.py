"""Stack of the roles that deliver an environment."""

from collections.abc import Mapping

from aws_cdk import Aws, CfnOutput, Environment, Stack, Tags, aws_iam

from constructs import Construct
from constructs.delivery.deploy_role import DeployRole
from constructs.delivery.github_oidc import GitHubBranch, GitHubIdentity
from constructs.delivery.review_role import ReviewRole
from constructs.delivery.role_names import Work, step_role_name
from stacks.config.delivery import CodePipelineConfig, DeliveryConfig, GitHubConfig
from stacks.config.environment import EnvironmentConfig


class DeliveryAccessStack(Stack):
    """Delivery roles in the account of an environment.

    The stack is not part of the environment's stage, so that a delivery cannot change its own permissions.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: str,
        config: EnvironmentConfig,
        delivery: DeliveryConfig,
        creates_provider: bool,
    ) -> None:
        """Create the roles.

        Args:
            scope: Parent construct.
            id: Construct ID.
            environment: Name of the environment.
            config: Configuration of the environment.
            delivery: Configuration of delivery.
            creates_provider: Whether this stack creates the account's identity provider for GitHub.
        """
        super().__init__(
            scope,
            id,
            stack_name=f"topicsmith-delivery-{environment}",
            description=f"Topicsmith: delivery roles of environment {environment}",
            env=Environment(account=config.account, region=config.region),
            termination_protection=True,
        )
        if delivery.github:
            trusted = self._trust_github(environment, delivery, delivery.github, creates_provider)
        elif delivery.codepipeline:
            trusted = _trust_pipeline(environment, delivery.codepipeline)
        deploy = DeployRole(self, "Deploy", environment=environment, trusted=trusted["deploy"])
        review = ReviewRole(self, "Review", environment=environment, trusted=trusted["review"])
        CfnOutput(self, "DeployRoleArn", value=deploy.role_arn, description="Role that deploys the environment")
        CfnOutput(
            self, "ReviewRoleArn", value=review.role_arn, description="Role that reviews and checks the environment"
        )
        for key, value in {"project": "topicsmith", "environment": environment, **config.tags}.items():
            Tags.of(self).add(key, value)

    def _trust_github(
        self, environment: str, delivery: DeliveryConfig, github: GitHubConfig, creates_provider: bool
    ) -> Mapping[Work, aws_iam.IPrincipal]:
        ids = (github.owner_id, github.repository_id) if github.owner_id and github.repository_id else None
        source = GitHubBranch(repository=delivery.repository, branch=delivery.branch, ids=ids)
        identity = GitHubIdentity(self, "GitHub", source=source, create_provider=creates_provider)
        return {"deploy": identity.job_of_environment(environment), "review": identity.job()}


def _trust_pipeline(environment: str, codepipeline: CodePipelineConfig) -> Mapping[Work, aws_iam.IPrincipal]:
    """Return a principal for the roles of the delivery pipeline's steps, matched by name as they may not exist yet."""
    works: tuple[Work, Work] = ("deploy", "review")
    return {
        work: aws_iam.AccountPrincipal(codepipeline.account).with_conditions(
            {"ArnEquals": {"aws:PrincipalArn": _step_role_arn(environment, codepipeline, work)}}
        )
        for work in works
    }


def _step_role_arn(environment: str, codepipeline: CodePipelineConfig, work: Work) -> str:
    return f"arn:{Aws.PARTITION}:iam::{codepipeline.account}:role/{step_role_name(environment, work)}"
