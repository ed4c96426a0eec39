"""CDK stage of an environment."""

from aws_cdk import Environment, PermissionsBoundary, Stage, Tags

from constructs import Construct
from constructs.network.placement import NetworkPlacement
from stacks.config.environment import EnvironmentConfig
from stacks.config.promotion_paths import ALONE, PromotionPath
from stacks.data import DataStack
from stacks.network import NetworkStack
from stacks.serving import ServingStack
from stacks.training import TrainingStack


class TopicsmithStage(Stage):
    """Stacks of an environment."""

    def __init__(
        self, scope: Construct, id: str, *, config: EnvironmentConfig, promotions: PromotionPath = ALONE
    ) -> None:
        """Create the stacks.

        Args:
            scope: Parent construct.
            id: Name of the environment.
            config: Configuration of the environment.
            promotions: Environments that models are promoted from and to.
        """
        super().__init__(
            scope,
            id,
            env=Environment(account=config.account, region=config.region),
            permissions_boundary=_boundary(config.permissions_boundary),
        )
        name = f"topicsmith-{id}"
        tags = {"project": "topicsmith", "environment": id, **config.tags}
        data = DataStack(self, "data", name=name, config=config, promotions=promotions).data
        network = self._build_network(name, config)
        training = TrainingStack(
            self,
            "training",
            name=name,
            config=config,
            data=data,
            network=network,
            promotions=promotions,
            tags=tags,
        )
        ServingStack(
            self,
            "serving",
            name=name,
            config=config,
            data=data,
            network=network,
            algorithm=training.algorithm,
            registry=training.registry,
            notifications=training.notifications,
            promotions=promotions,
            tags=tags,
        )
        for key, value in tags.items():
            Tags.of(self).add(key, value)

    def _build_network(self, name: str, config: EnvironmentConfig) -> NetworkPlacement | None:
        chosen = config.network
        if chosen.mode == "private":
            return NetworkStack(self, "network", name=name, config=config).placement
        if chosen.mode == "existing":
            return NetworkPlacement(subnet_ids=chosen.subnets, security_group_ids=chosen.security_groups)
        return None


def _boundary(policy: str | None) -> PermissionsBoundary | None:
    if policy is None:
        return None
    return PermissionsBoundary.from_arn(policy) if policy.startswith("arn:") else PermissionsBoundary.from_name(policy)
