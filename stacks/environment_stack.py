"""What the stacks of an environment have in common."""

from aws_cdk import Stack

from constructs import Construct
from constructs.data.image_repository import image_synthesizer
from stacks.config.environment import EnvironmentConfig


class EnvironmentStack(Stack):
    """A stack that is named after its environment, and protected as the environment says.

    What it has of images is published to the environment's own repository, which the data stack makes.
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
        # CDK writes a function's dependency on its role, which the reference to the role implies already.
        self.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": ["W3005"]}}}
