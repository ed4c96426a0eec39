"""One environment."""

from aws_cdk import Environment, Stage, Tags

from constructs import Construct
from stacks.config import EnvironmentConfig
from stacks.data import DataStack
from stacks.serving import ServingStack
from stacks.training import TrainingStack


class TopicsmithStage(Stage):
    """The stacks of one environment, named after it."""

    def __init__(self, scope: Construct, id: str, *, config: EnvironmentConfig) -> None:
        super().__init__(scope, id, env=Environment(account=config.account, region=config.region))
        name = f"topicsmith-{id}"
        tags = {"project": "topicsmith", "environment": id, **config.tags}
        data = DataStack(self, "data", name=name, config=config).data
        training = TrainingStack(self, "training", name=name, config=config, data=data, tags=tags)
        ServingStack(
            self,
            "serving",
            name=name,
            config=config,
            data=data,
            algorithm=training.algorithm,
            registry=training.registry,
            notifications=training.notifications,
            tags=tags,
        )
        for key, value in tags.items():
            Tags.of(self).add(key, value)
