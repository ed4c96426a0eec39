"""Endpoint configurations: validation and records.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from botocore.session import get_session
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakeEndpointConfig

from localcloud.runtime.s3_data import DataError
from localcloud.services.sagemaker.hosting.data_capture import CaptureConfig

_MOST_VARIANTS = 10
_MOST_CONCURRENCY = 200
_INSTANCES_ONLY = ("InitialInstanceCount", "InstanceType", "VolumeSizeInGB")

_NOT_RUN = ("ExplainerConfig", "AsyncInferenceConfig")


class LocalEndpointConfig(FakeEndpointConfig):
    """An endpoint configuration, validated against botocore's instance types (moto's list is outdated).

    Args:
        request: Members of CreateEndpointConfig's request.
        account_id: Its account.
        region_name: Its region.

    Raises:
        ValidationError: SageMaker would reject it, or the local cloud does not support it.
    """

    def __init__(self, request: Mapping[str, Any], account_id: str, region_name: str):
        for name in _NOT_RUN:
            if request.get(name):
                raise ValidationError(f"{name}: not supported by the local cloud. Leave it out of the request.")
        super().__init__(
            account_id=account_id,
            region_name=region_name,
            endpoint_config_name=request["EndpointConfigName"],
            production_variants=request["ProductionVariants"],
            async_inference_config={},
            data_capture_config=request.get("DataCaptureConfig") or {},
            tags=request.get("Tags") or [],
            kms_key_id=request.get("KmsKeyId") or "",
        )
        self.shadow_production_variants: list[dict[str, Any]] = list(request.get("ShadowProductionVariants") or [])
        self.execution_role_arn = request.get("ExecutionRoleArn")
        self.vpc_config = request.get("VpcConfig")
        self.enable_network_isolation = bool(request.get("EnableNetworkIsolation"))
        self.validate_production_variants(self.shadow_production_variants)
        self._check()

    @property
    def response_object(self) -> dict[str, Any]:
        """Members of DescribeEndpointConfig's response."""
        return {name: value for name, value in super().response_object.items() if value not in ([], {}, "")}

    @property
    def variant_names(self) -> list[str]:
        """Names of the production variants."""
        return [variant["VariantName"] for variant in self.production_variants]

    @property
    def shadow_names(self) -> list[str]:
        """Names of the shadow variants."""
        return [variant["VariantName"] for variant in self.shadow_production_variants]

    @property
    def is_serverless(self) -> bool:
        """True if its variants have no instances."""
        return any("ServerlessConfig" in variant for variant in self.production_variants)

    def is_created(self) -> bool:
        """Return True: there is nothing to create."""
        return True

    def validate_instance_type(self, instance_type: str) -> None:
        """Validate an instance type.

        Raises:
            ValidationError: The type does not exist for hosting.
        """
        allowed = _instance_types()
        if instance_type not in allowed:
            raise ValidationError(
                f"Value '{instance_type}' at 'productionVariants.1.member.instanceType' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{', '.join(allowed)}]"
            )

    def validate_serverless_config(self, serverless_config: dict[str, Any]) -> None:
        """Validate a ``ServerlessConfig``.

        Raises:
            ValidationError: A member is missing or out of range.
        """
        super().validate_serverless_config(serverless_config)
        check_concurrency(serverless_config)

    def _check(self) -> None:
        variants = [*self.production_variants, *self.shadow_production_variants]
        names = [variant["VariantName"] for variant in variants]
        if len(set(names)) < len(names):
            raise ValidationError(f"The names of variants must differ; they are {', '.join(names)}.")
        if not 1 <= len(self.production_variants) <= _MOST_VARIANTS:
            raise ValidationError(
                f"ProductionVariants has {len(self.production_variants)} members; allowed: 1 to {_MOST_VARIANTS}."
            )
        if self.shadow_production_variants and (len(self.production_variants), len(self.shadow_names)) != (1, 1):
            raise ValidationError(
                "With ShadowProductionVariants there may be only one variant in ProductionVariants and one in "
                f"ShadowProductionVariants; there are {len(self.production_variants)} and {len(self.shadow_names)}."
            )
        for variant in variants:
            _check_variant(variant)
        self._check_serverless(variants)
        try:
            CaptureConfig.of(self.data_capture_config)
        except DataError as error:
            raise ValidationError(f"DataCaptureConfig.DestinationS3Uri: {error}") from error

    def _check_serverless(self, variants: Sequence[Mapping[str, Any]]) -> None:
        """Reject features that serverless endpoints do not support.

        See https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html.
        """
        if not any("ServerlessConfig" in variant for variant in variants):
            return
        excluded = {
            "several production variants": len(self.production_variants) > 1,
            "ShadowProductionVariants": bool(self.shadow_production_variants),
            "DataCaptureConfig": bool(self.data_capture_config),
            "VpcConfig": bool(self.vpc_config),
            "EnableNetworkIsolation": self.enable_network_isolation,
        }
        found = [name for name, present in excluded.items() if present]
        if found:
            raise ValidationError(f"A serverless endpoint does not support {', '.join(found)}.")


@cache
def _instance_types() -> list[str]:
    shape = get_session().get_service_model("sagemaker").shape_for("ProductionVariantInstanceType")
    allowed: list[str] = shape.metadata["enum"]
    return allowed


def check_concurrency(config: Mapping[str, int]) -> None:
    """Validate ``MaxConcurrency`` and ``ProvisionedConcurrency``.

    Raises:
        ValidationError: A value is out of range.
    """
    most, provisioned = int(config.get("MaxConcurrency", 0)), config.get("ProvisionedConcurrency")
    if not 1 <= most <= _MOST_CONCURRENCY:
        raise ValidationError(f"MaxConcurrency is {most}; allowed: 1 to {_MOST_CONCURRENCY}.")
    if provisioned is not None and not 1 <= int(provisioned) <= most:
        raise ValidationError(f"ProvisionedConcurrency is {provisioned}; allowed: 1 to {most}, MaxConcurrency.")


def _check_variant(variant: Mapping[str, Any]) -> None:
    name = variant["VariantName"]
    if "ServerlessConfig" in variant:
        present = [member for member in _INSTANCES_ONLY if member in variant]
        if present:
            raise ValidationError(f"Variant {name} has ServerlessConfig, which excludes {', '.join(present)}.")
        return
    count, weight = int(variant.get("InitialInstanceCount", 0)), float(variant.get("InitialVariantWeight", 1))
    if count < 1:
        raise ValidationError(f"InitialInstanceCount of variant {name} is {count}; allowed: 1 or more.")
    if not weight >= 0:
        raise ValidationError(f"InitialVariantWeight of variant {name} is {weight}; allowed: 0 or more.")
