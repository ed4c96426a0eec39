"""What a machine that looks at a deployed environment may do."""

from aws_cdk import Stack, aws_iam

from constructs import Construct
from constructs.common.grants import grant
from constructs.delivery.role_names import role_name


class ReviewRole(aws_iam.Role):
    """The role of whoever compares an environment with what it is to be, and tries it afterwards.

    It reads the account's list of stacks and the environment's templates, and asks its endpoint; it sees no data, and
    changes nothing.
    """

    def __init__(self, scope: Construct, id: str, *, environment: str, trusted: aws_iam.IPrincipal) -> None:
        """Make the role.

        Args:
            scope: the parent.
            id: the id.
            environment: what it looks at.
            trusted: who may assume it.
        """
        super().__init__(
            scope,
            id,
            role_name=role_name(environment, "review"),
            description=f"Looks at the environment {environment}",
            assumed_by=trusted,
        )
        self._environment = environment
        name = f"topicsmith-{environment}"
        self._grant_templates(name)
        stack = Stack.of(self)
        grant(
            self,
            actions=["sagemaker:DescribeEndpoint", "sagemaker:InvokeEndpoint"],
            resources=[stack.format_arn(service="sagemaker", resource="endpoint", resource_name=name)],
        )
        grant(
            self,
            actions=["sagemaker:ListModelPackages"],
            resources=[stack.format_arn(service="sagemaker", resource="model-package-group", resource_name=name)],
        )
        self._grant_served_model()

    def _grant_templates(self, name: str) -> None:
        """Let it see the environment's stacks; those that the commit has no more, only a list of all tells."""
        stacks = Stack.of(self).format_arn(service="cloudformation", resource="stack", resource_name=f"{name}-*/*")
        grant(
            self,
            actions=["cloudformation:GetTemplate"],
            resources=[stacks],
            wildcard="CloudFormation adds an id of its own to the name of a stack.",
        )
        grant(
            self,
            actions=["cloudformation:DescribeStacks"],
            resources=["*"],
            wildcard="The list of all stacks knows no resources.",
        )

    def _grant_served_model(self) -> None:
        """Let it see which model the endpoint serves."""
        for action, resource in (("DescribeEndpointConfig", "endpoint-config"), ("DescribeModel", "model")):
            grant(
                self,
                actions=[f"sagemaker:{action}"],
                resources=[Stack.of(self).format_arn(service="sagemaker", resource=resource, resource_name="*")],
                conditions={"StringEquals": {"aws:ResourceTag/environment": self._environment}},
                wildcard="CloudFormation names models and endpoint configurations; the tag leaves this environment's.",
            )
