"""Base class of an environment's stacks."""

from aws_cdk import Stack

from constructs import Construct
from constructs.data.image_repository import image_synthesizer
from stacks.config.environment import EnvironmentConfig


class EnvironmentStack(Stack):
    """Stack named after its environment, with the environment's termination protection.

    Image assets are published to the environment's own repository, which the data stack creates.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, description: str, config: EnvironmentConfig) -> None:
        super().__init__(
            scope,
            id,
            stack_name=f"{name}-{id}",
            description=f"Topicsmith: {description}",
            termination_protection=config.termination_protection,
            synthesizer=image_synthesizer(name),
        )
        # CDK adds an explicit dependency of functions on their roles, which the reference already implies.
        self.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": ["W3005"]}}}
