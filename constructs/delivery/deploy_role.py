"""Role for automated deployments of an environment."""

from aws_cdk import DefaultStackSynthesizer, Duration, Fn, Stack, aws_iam

from constructs import Construct
from constructs.common.grants import grant
from constructs.data.image_repository import publishing_role_name
from constructs.delivery.role_names import role_name

# A canary or linear update of an endpoint takes most of an hour.
_LONGEST_DEPLOYMENT = Duration.hours(2)


class DeployRole(aws_iam.Role):
    """Role that may assume CDK's deployment roles and has no other permissions.

    These are the roles of ``cdk bootstrap`` in the stack's account and region, which create change sets and publish
    file assets, and the role that publishes images to the environment's repository. See
    https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html.
    """

    def __init__(self, scope: Construct, id: str, *, environment: str, trusted: aws_iam.IPrincipal) -> None:
        """Create the role.

        Args:
            scope: Parent construct.
            id: Construct ID.
            environment: Environment to deploy.
            trusted: Principal that may assume the role.
        """
        super().__init__(
            scope,
            id,
            role_name=role_name(environment, "deploy"),
            description=f"Deploys environment {environment}",
            assumed_by=trusted,
            max_session_duration=_LONGEST_DEPLOYMENT,
        )
        qualifier = (
            self.node.try_get_context("@aws-cdk/core:bootstrapQualifier") or DefaultStackSynthesizer.DEFAULT_QUALIFIER
        )
        bootstrap = [
            DefaultStackSynthesizer.DEFAULT_DEPLOY_ROLE_ARN,
            DefaultStackSynthesizer.DEFAULT_FILE_ASSET_PUBLISHING_ROLE_ARN,
        ]
        grant(
            self,
            actions=["sts:AssumeRole"],
            resources=[
                *(Fn.sub(arn.replace("${Qualifier}", qualifier)) for arn in bootstrap),
                Stack.of(self).format_arn(
                    service="iam",
                    region="",
                    resource="role",
                    resource_name=publishing_role_name(f"topicsmith-{environment}"),
                ),
            ],
        )
