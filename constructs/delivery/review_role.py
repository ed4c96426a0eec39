"""Role for automated reviews and checks of a deployed environment."""

from aws_cdk import Stack, aws_iam

from constructs import Construct
from constructs.common.grants import grant
from constructs.delivery.role_names import role_name


class ReviewRole(aws_iam.Role):
    """Read-only role that compares a commit with the deployed environment and checks the endpoint afterwards.

    It may list the account's stacks, read the environment's templates and invoke its endpoint. It has no access to
    data.
    """

    def __init__(self, scope: Construct, id: str, *, environment: str, trusted: aws_iam.IPrincipal) -> None:
        """Create the role.

        Args:
            scope: Parent construct.
            id: Construct ID.
            environment: Environment to review.
            trusted: Principal that may assume the role.
        """
        super().__init__(
            scope,
            id,
            role_name=role_name(environment, "review"),
            description=f"Reviews and checks environment {environment}",
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
            # The Service Authorization Reference names the packages, the request only their group.
            resources=[
                stack.format_arn(service="sagemaker", resource="model-package-group", resource_name=name),
                stack.format_arn(service="sagemaker", resource="model-package", resource_name=f"{name}/*"),
            ],
            wildcard="The registry numbers the versions of the group.",
        )
        self._grant_served_model()

    def _grant_templates(self, name: str) -> None:
        """Allow reading the environment's stacks, and listing all stacks to find those that a commit removes."""
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
        """Allow looking up the model that the endpoint serves."""
        for action, resource in (("DescribeEndpointConfig", "endpoint-config"), ("DescribeModel", "model")):
            grant(
                self,
                actions=[f"sagemaker:{action}"],
                resources=[Stack.of(self).format_arn(service="sagemaker", resource=resource, resource_name="*")],
                conditions={"StringEquals": {"aws:ResourceTag/environment": self._environment}},
                wildcard="CloudFormation names models and endpoint configurations; the tag leaves this environment's.",
            )
