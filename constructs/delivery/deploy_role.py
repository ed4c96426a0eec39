"""What a machine that deploys an environment may do."""

from aws_cdk import DefaultStackSynthesizer, Duration, Fn, Stack, aws_iam

from constructs import Construct
from constructs.common.grants import grant
from constructs.data.image_repository import publishing_role_name
from constructs.delivery.role_names import role_name

# An update of an endpoint that proves itself on part of the requests takes most of an hour.
_LONGEST_DEPLOYMENT = Duration.hours(2)


class DeployRole(aws_iam.Role):
    """The role of whoever deploys an environment: it may hand the stacks to CDK's own roles, and do nothing itself.

    Those are the roles of ``cdk bootstrap``, in the account and the region of this stack: one creates change sets, one
    writes templates and functions to the bootstrap bucket. Images go to the environment's repository.
    See https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html.
    """

    def __init__(self, scope: Construct, id: str, *, environment: str, trusted: aws_iam.IPrincipal) -> None:
        """Make the role.

        Args:
            scope: the parent.
            id: the id.
            environment: what it deploys.
            trusted: who may assume it.
        """
        super().__init__(
            scope,
            id,
            role_name=role_name(environment, "deploy"),
            description=f"Deploys the environment {environment}",
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
