"""Production and shadow variants of an endpoint.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html.
"""

from dataclasses import dataclass
from typing import Self

from aws_cdk import aws_sagemaker

from constructs.common.instance_types import has_local_storage

ALL_TRAFFIC = "AllTraffic"
"""Name of the approved model's variant. It must never change, since autoscaling and updates depend on it."""

SHADOW = "Shadow"
"""Name of the shadow variant."""

_Variant = aws_sagemaker.CfnEndpointConfig.ProductionVariantProperty
_Serverless = aws_sagemaker.CfnEndpointConfig.ServerlessConfigProperty


@dataclass(frozen=True, kw_only=True)
class InstanceFleet:
    """Fleet of instances.

    Attributes:
        instance_type: Instance type, for example ``ml.m5.large``.
        min_instances: Minimum and initial number of instances.
        max_instances: Maximum number of instances.
    """

    instance_type: str
    min_instances: int
    max_instances: int


@dataclass(frozen=True, kw_only=True)
class ServerlessCapacity:
    """Serverless capacity, which scales to zero.

    Attributes:
        memory_mb: Memory of each worker; CPU is proportional.
        max_concurrency: Maximum number of concurrent requests; SageMaker throttles the rest.
        provisioned_concurrency: Number of workers kept warm; None for none.
    """

    memory_mb: int
    max_concurrency: int
    provisioned_concurrency: int | None = None


@dataclass(frozen=True, kw_only=True)
class EndpointVariant:
    """Variant that serves one model.

    Attributes:
        name: Name of the variant.
        model_package_arn: ARN of the model package.
        weight: Share of the requests, relative to the weights of all variants.
        capacity: Instances or serverless capacity.
    """

    name: str
    model_package_arn: str
    weight: float
    capacity: InstanceFleet | ServerlessCapacity

    def to_property(self, model_name: str) -> _Variant:
        """Return the property of an endpoint configuration."""
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
        """True if SageMaker rejects a KMS key in an endpoint configuration with this variant."""
        return isinstance(self.capacity, InstanceFleet) and has_local_storage(self.capacity.instance_type)

    @property
    def has_instances(self) -> bool:
        """True if the variant runs on instances, not serverless."""
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
        """Return a shadow variant, which receives copies of another variant's requests.

        Its weight relative to the other variant's is the share of requests to copy; see
        https://docs.aws.amazon.com/sagemaker/latest/dg/model-shadow-deployment.html.

        Args:
            variant: Production variant.
            model_package_arn: ARN of the model package to try out.
            sampling_percent: Percentage of requests to copy.
            instance_type: Instance type, for example ``ml.m5.large``.
            instances: Number of instances.
        """
        return cls(
            name=SHADOW,
            model_package_arn=model_package_arn,
            weight=variant.weight * sampling_percent / 100,
            capacity=InstanceFleet(instance_type=instance_type, min_instances=instances, max_instances=instances),
        )
