"""SageMaker hosting: moto stores models, configurations and endpoints; processes serve them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from botocore.exceptions import ClientError
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import Model, SageMakerModelBackend

from localcloud.core.role_sessions import SAGEMAKER, AccessDenied, assume_role
from localcloud.runtime.images import ImageUnavailable, pull
from localcloud.runtime.s3_data import DataError, S3Uri
from localcloud.services.sagemaker.common.model_containers import (
    DeploymentFailed,
    container_of,
    require_deployable,
    sole_container,
)
from localcloud.services.sagemaker.hosting import operations
from localcloud.services.sagemaker.hosting.endpoint_configs import LocalEndpointConfig, check_concurrency
from localcloud.services.sagemaker.hosting.record import LocalEndpoint
from localcloud.services.sagemaker.hosting.scaled_variants import require_deregistered
from localcloud.services.sagemaker.hosting.serverless import ServerlessPool
from localcloud.services.sagemaker.hosting.update_policies import UpdatePolicy
from localcloud.services.sagemaker.hosting.variant_properties import Retained


class Endpoints(SageMakerModelBackend):
    """SageMaker's models, endpoint configurations and endpoints."""

    endpoints: dict[str, LocalEndpoint]  # type: ignore[assignment]
    endpoint_configs: dict[str, LocalEndpointConfig]  # type: ignore[assignment]

    def create_model(
        self,
        model_name: str,
        execution_role_arn: str,
        primary_container: dict[str, Any] | None,
        vpc_config: dict[str, Any] | None,
        containers: list[dict[str, Any]] | None,
        tags: list[dict[str, str]] | None,
        *,
        enable_network_isolation: bool = False,
    ) -> Model:
        """Create a model after checking that its role, image and data are available.

        Raises:
            ValidationError: The name is taken, or something is missing or not readable.
        """
        if model_name in self._models:
            raise ValidationError(f'Cannot create already existing model "{self._models[model_name].arn}".')
        model = super().create_model(model_name, execution_role_arn, primary_container, vpc_config, containers, tags)
        model.enable_network_isolation = enable_network_isolation
        try:
            self._require_readable(model)
        except (AccessDenied, DataError, DeploymentFailed, ImageUnavailable, ValidationError) as error:
            del self._models[model_name]
            raise ValidationError(str(error)) from error
        return model

    def create_endpoint_config(self, request: Mapping[str, Any]) -> LocalEndpointConfig:  # type: ignore[override]
        """Create an endpoint configuration.

        Args:
            request: Members of CreateEndpointConfig's request.

        Raises:
            ValidationError: The name is taken, a model is unknown, or a variant is invalid.
        """
        name = request["EndpointConfigName"]
        if name in self.endpoint_configs:
            arn = self.endpoint_configs[name].endpoint_config_arn
            raise ValidationError(f'Cannot create already existing endpoint configuration "{arn}".')
        self.validate_production_variants(request["ProductionVariants"])
        self.validate_production_variants(request.get("ShadowProductionVariants") or [])
        config = LocalEndpointConfig(request, self.account_id, self.region_name)
        self.endpoint_configs[name] = config
        return config

    def create_endpoint(
        self,
        endpoint_name: str,
        endpoint_config_name: str,
        tags: list[dict[str, str]],
        *,
        deployment_config: Mapping[str, Any] | None = None,
    ) -> LocalEndpoint:
        """Start creating an endpoint.

        Args:
            endpoint_name: Name of the endpoint.
            endpoint_config_name: Name of its configuration.
            tags: Tags of the endpoint.
            deployment_config: Deployment configuration for updates with ``RetainDeploymentConfig``.

        Raises:
            ValidationError: The name is taken, the configuration does not exist, or ``deployment_config`` is invalid.
        """
        if endpoint_name in self.endpoints:
            arn = self.endpoints[endpoint_name].arn
            raise ValidationError(f'Cannot create already existing endpoint "{arn}".')
        self.describe_endpoint_config(endpoint_config_name)
        UpdatePolicy.of(deployment_config)
        config = self.endpoint_configs[endpoint_config_name]
        endpoint = LocalEndpoint(
            account_id=self.account_id,
            region_name=self.region_name,
            endpoint_name=endpoint_name,
            endpoint_config_name=endpoint_config_name,
            production_variants=config.production_variants,
            data_capture_config=config.data_capture_config,
            tags=tags,
        )
        endpoint.last_deployment_config = deployment_config
        self.endpoints[endpoint_name] = endpoint
        self._in_background(endpoint, lambda: operations.create(endpoint, self, config))
        return endpoint

    def update_endpoint(
        self,
        endpoint_name: str,
        endpoint_config_name: str,
        *,
        retain_all_variant_properties: bool = False,
        exclude_retained_variant_properties: Sequence[Mapping[str, str]] = (),
        deployment_config: Mapping[str, Any] | None = None,
        retain_deployment_config: bool = False,
    ) -> LocalEndpoint:
        """Start updating an endpoint to another configuration.

        Args:
            endpoint_name: Name of the endpoint.
            endpoint_config_name: Name of the new configuration.
            retain_all_variant_properties: Keep numbers of instances and weights.
            exclude_retained_variant_properties: Properties to take from the new configuration nevertheless.
            deployment_config: Deployment configuration of this update.
            retain_deployment_config: Use the deployment configuration of the last update.

        Raises:
            ValidationError: The endpoint or configuration does not exist, the endpoint is busy, or the deployment
                configuration does not fit the variants.
        """
        self.describe_endpoint(endpoint_name)
        self.describe_endpoint_config(endpoint_config_name)
        endpoint, config = self.endpoints[endpoint_name], self.endpoint_configs[endpoint_config_name]
        if retain_deployment_config and deployment_config is None:
            deployment_config = endpoint.last_deployment_config
        policy = UpdatePolicy.of(deployment_config)
        retained = endpoint.retained() if retain_all_variant_properties else Retained()
        excluded = {item["VariantPropertyType"] for item in exclude_retained_variant_properties}
        retained = Retained(
            {} if "DesiredInstanceCount" in excluded else retained.counts,
            {} if "DesiredWeight" in excluded else retained.weights,
        )
        counts = [count for spec in config.production_variants if (count := retained.count(spec)) is not None]
        shares = policy.shares(counts)
        self._require_convertible(endpoint, config, deployment_config)
        require_deregistered(endpoint, config)
        endpoint.begin("Updating")
        endpoint.deployed = Future()
        endpoint.last_deployment_config = deployment_config or endpoint.last_deployment_config
        self._in_background(endpoint, lambda: operations.update(endpoint, self, config, retained, policy, shares))
        return endpoint

    def update_endpoint_weights_and_capacities(
        self, endpoint_name: str, desired_weights_and_capacities: list[dict[str, Any]]
    ) -> str:
        """Start scaling an endpoint.

        Raises:
            ValidationError: The endpoint or variant does not exist, a number is invalid, or the endpoint is busy.
        """
        self.describe_endpoint(endpoint_name)
        endpoint = self.endpoints[endpoint_name]
        desired = {variant["VariantName"]: variant for variant in desired_weights_and_capacities}
        serving = endpoint.traffic.serving
        known = {variant.name: variant for variant in serving.all_variants} if serving else {}
        if unknown := desired.keys() - known.keys():
            raise ValidationError(
                f'The variant name(s) "{", ".join(sorted(unknown))}" is/are not present within endpoint configuration '
                f'"{endpoint.endpoint_config_name}".'
            )
        for name, wanted in desired.items():
            count = wanted.get("DesiredInstanceCount")
            if count is not None and int(count) < 1:
                raise ValidationError(f"DesiredInstanceCount of variant {name} is {count}; allowed: 1 or more.")
            pool = known[name].pool
            if isinstance(pool, ServerlessPool):
                check_concurrency({**pool.config, **(wanted.get("ServerlessUpdateConfig") or {})})
        endpoint.begin("Updating")
        self._in_background(endpoint, lambda: operations.scale(endpoint, desired))
        return endpoint.arn

    def delete_endpoint(self, endpoint_name: str) -> None:
        """Start deleting an endpoint; it exists until its workers have ended.

        Raises:
            ValidationError: The endpoint does not exist or is busy.
        """
        self.describe_endpoint(endpoint_name)
        endpoint = self.endpoints[endpoint_name]
        endpoint.begin_deletion()

        def work() -> None:
            endpoint.shut_down()
            del self.endpoints[endpoint_name]
            endpoint.go_to("Deleted")

        self._in_background(endpoint, work)

    def _require_convertible(
        self, endpoint: LocalEndpoint, config: LocalEndpointConfig, deployment_config: Mapping[str, Any] | None
    ) -> None:
        """Check that an endpoint may change from its current configuration to another one.

        See https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html and
        https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html.
        """
        serving = endpoint.traffic.serving
        if serving is None:
            return
        if config is serving.config:
            # Not documented. "To update an endpoint, you must create a new EndpointConfig":
            # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html.
            raise ValidationError(
                f'Cannot update endpoint "{endpoint.arn}" to endpoint configuration "{config.endpoint_config_arn}", '
                "which it already uses. Create a new endpoint configuration."
            )
        if config.is_serverless and not serving.config.is_serverless:
            raise ValidationError(
                f'Endpoint "{endpoint.arn}" has instances and cannot become serverless. Create another endpoint.'
            )
        before, after = sorted(serving.variants), sorted(config.variant_names)
        if before != after and (deployment_config or {}).get("BlueGreenUpdatePolicy"):
            raise ValidationError(
                "With BlueGreenUpdatePolicy the new endpoint configuration must have the same variants as the old one: "
                f"they are {', '.join(after)}, and were {', '.join(before)}."
            )

    def _require_readable(self, model: Model) -> None:
        require_deployable(self, sole_container(model))
        definition = container_of(self, sole_container(model))
        session = assume_role(model.execution_role_arn, SAGEMAKER, "SageMaker", self.region_name)
        pull(definition.image, session)
        if not definition.model_data_url:
            return
        uri = S3Uri.parse(definition.model_data_url)
        try:
            session.client("s3").head_object(Bucket=uri.bucket, Key=uri.key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchBucket"):
                raise DataError(f"Could not find model data at {uri}.") from error
            raise DataError(
                f"Could not access model data at {uri}. Please ensure that the role {session.role_arn!r} exists and "
                "that its trust relationship policy allows the action 'sts:AssumeRole' for the service principal "
                f"'{SAGEMAKER}'. Also ensure that the role has 's3:GetObject' permissions and that the object is "
                f"located in {session.region}."
            ) from error

    def _in_background(self, endpoint: LocalEndpoint, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name=endpoint.endpoint_name, daemon=True).start()
