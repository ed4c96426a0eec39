"""The stack of an environment's own VPC."""

from aws_cdk import Fn

from constructs import Construct
from constructs.network.private_network import MOST_ZONES, PrivateNetwork
from stacks.config.environment import EnvironmentConfig
from stacks.environment_stack import EnvironmentStack


class NetworkStack(EnvironmentStack):
    """The VPC of an environment that has one of its own.

    It is a stack of its own, since it goes later than all that is in it: Lambda and SageMaker give the addresses in its
    subnets back long after their functions and models are gone.

    Attributes:
        placement: where jobs, models and functions are.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, config: EnvironmentConfig) -> None:
        super().__init__(scope, id, name=name, description="the network without a way out", config=config)
        self.placement = PrivateNetwork(
            self,
            "Network",
            cidr=config.network.cidr,
            zones=config.network.zones,
            services=_called(config),
            log_retention_days=config.log_retention_days,
        ).placement

    @property
    def availability_zones(self) -> list[str]:
        """The zones of the VPC; CDK would ask AWS for their names, where the account is known."""
        return [Fn.select(number, Fn.get_azs(self.region)) for number in range(MOST_ZONES)]


def _called(config: EnvironmentConfig) -> list[str]:
    """Return the services, but for S3, that functions and jobs call.

    Logs, images, metrics and credentials are not among them: Lambda and SageMaker bring those past the VPC.
    """
    # Of failures and rejections tells a function, with what SageMaker says of the run.
    services = ["sagemaker.api", "sns"]
    if not config.serving.model_package:
        # An approval becomes an update of the stack, or waits in its queue.
        services += ["cloudformation", "sqs"]
    if config.http_api.auth:
        services.append("sagemaker.runtime")
    return services
