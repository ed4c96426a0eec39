"""Stack of an environment's own VPC."""

from aws_cdk import Fn

from constructs import Construct
from constructs.network.private_network import MOST_ZONES, PrivateNetwork
from stacks.config.environment import EnvironmentConfig
from stacks.environment_stack import EnvironmentStack


class NetworkStack(EnvironmentStack):
    """VPC of an environment with ``network.mode: private``.

    It is a separate stack because it must be deleted last: Lambda and SageMaker release network interfaces long after
    the functions and models have been deleted.

    Attributes:
        placement: Placement for jobs, models and functions.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, config: EnvironmentConfig) -> None:
        super().__init__(scope, id, name=name, description="VPC without internet access", config=config)
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
        """Availability zones of the VPC, as references, since CDK would look up their names if the account is known."""
        return [Fn.select(number, Fn.get_azs(self.region)) for number in range(MOST_ZONES)]


def _called(config: EnvironmentConfig) -> list[str]:
    """Return the services, except S3, that functions and jobs call.

    Logs, images, metrics and credentials need no endpoints: Lambda and SageMaker transfer them outside the VPC.
    """
    # For notifications of failed runs.
    services = ["sagemaker.api", "sns"]
    if not config.serving.model_package:
        # For the deployment of approved models.
        services += ["cloudformation", "sqs"]
    if config.http_api.auth:
        services.append("sagemaker.runtime")
    return services
