"""What the stacks of an environment have in common."""

from aws_cdk import Stack

from constructs import Construct
from stacks.config import EnvironmentConfig


class EnvironmentStack(Stack):
    """A stack that is named after its environment, and protected as the environment says."""

    def __init__(self, scope: Construct, id: str, *, name: str, description: str, config: EnvironmentConfig) -> None:
        super().__init__(
            scope,
            id,
            stack_name=f"{name}-{id}",
            description=f"Topicsmith: {description}",
            termination_protection=config.termination_protection,
        )
        # CDK writes a function's dependency on its role, which the reference to the role implies already.
        self.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": ["W3005"]}}}
