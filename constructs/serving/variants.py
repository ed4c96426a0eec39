"""The variants of an endpoint: which model answers which share of the requests, and on what.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html.
"""

from dataclasses import dataclass
from typing import Self

from aws_cdk import aws_sagemaker

from constructs.common.instance_types import has_local_storage

ALL_TRAFFIC = "AllTraffic"
"""The name of the variant with the approved model, for ever: autoscaling and updates find the instances by it."""

SHADOW = "Shadow"
"""The name of the variant that gets copies of requests."""

_Variant = aws_sagemaker.CfnEndpointConfig.ProductionVariantProperty
_Serverless = aws_sagemaker.CfnEndpointConfig.ServerlessConfigProperty


@dataclass(frozen=True, kw_only=True)
class InstanceFleet:
    """Instances of one type, their number within limits.

    Attributes:
        instance_type: for example ``ml.m5.large``.
        min_instances: the least number, and the one to begin with.
        max_instances: the greatest number.
    """

    instance_type: str
    min_instances: int
    max_instances: int


@dataclass(frozen=True, kw_only=True)
class ServerlessCapacity:
    """No instances: memory while requests are under way, and nothing at all while there are none.

    Attributes:
        memory_mb: the memory of each worker; processors come in proportion.
        max_concurrency: requests at one time, above which SageMaker throttles.
        provisioned_concurrency: workers that are kept ready; without it, the first request waits for a cold start.
    """

    memory_mb: int
    max_concurrency: int
    provisioned_concurrency: int | None = None


@dataclass(frozen=True, kw_only=True)
class EndpointVariant:
    """A model that answers its share of the requests.

    Attributes:
        name: the variant's name.
        model_package_arn: the registered model.
        weight: its share of the requests is this among all variants' weights.
        capacity: what it runs on.
    """

    name: str
    model_package_arn: str
    weight: float
    capacity: InstanceFleet | ServerlessCapacity

    def to_property(self, model_name: str) -> _Variant:
        """Return the variant as an endpoint configuration writes it."""
        if isinstance(self.capacity, ServerlessCapacity):
            return _Variant(
                variant_name=self.name,
                model_name=model_name,
                initial_variant_weight=self.weight,
                serverless_config=_Serverless(
                    memory_size_in_mb=self.capacity.memory_mb,
                    max_concurrency=self.capacity.max_concurrency,
                    provisioned_concurrency=self.capacity.provisioned_concurrency,
                ),
            )
        return _Variant(
            variant_name=self.name,
            model_name=model_name,
            initial_variant_weight=self.weight,
            instance_type=self.capacity.instance_type,
            initial_instance_count=self.capacity.min_instances,
        )

    @property
    def refuses_volume_key(self) -> bool:
        """Whether SageMaker refuses a KMS key in an endpoint configuration with this variant."""
        return isinstance(self.capacity, InstanceFleet) and has_local_storage(self.capacity.instance_type)

    @property
    def has_instances(self) -> bool:
        """Whether it runs on instances, and is not serverless."""
        return isinstance(self.capacity, InstanceFleet)

    @classmethod
    def shadow_of(
        cls,
        variant: "EndpointVariant",
        *,
        model_package_arn: str,
        sampling_percent: int,
        instance_type: str,
        instances: int,
    ) -> Self:
        """Return a variant that gets copies of the requests to another one, and of which nobody sees the answers.

        Its weight against the other's is the share of the requests that is copied; see
        https://docs.aws.amazon.com/sagemaker/latest/dg/model-shadow-deployment.html.

        Args:
            variant: the one that answers.
            model_package_arn: the registered model that is tried out.
            sampling_percent: the share of the requests that is copied.
            instance_type: for example ``ml.m5.large``.
            instances: the number of instances.
        """
        return cls(
            name=SHADOW,
            model_package_arn=model_package_arn,
            weight=variant.weight * sampling_percent / 100,
            capacity=InstanceFleet(instance_type=instance_type, min_instances=instances, max_instances=instances),
        )
