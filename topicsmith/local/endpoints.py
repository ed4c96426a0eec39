"""SageMaker's hosting: moto keeps models, configurations and endpoints, and processes serve."""

import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from botocore.session import get_session
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakeEndpointConfig, Model, SageMakerModelBackend

from topicsmith.local.deployments import DeploymentFailed, container_of, sole_container
from topicsmith.local.endpoint_record import LocalEndpoint
from topicsmith.local.identity import SAGEMAKER, AccessDenied, assume_role
from topicsmith.local.images import ImageUnavailable, pull
from topicsmith.local.s3_data import DataError, S3Uri


class LocalEndpointConfig(FakeEndpointConfig):
    """An endpoint configuration, whose instance types are those that botocore knows (moto's list is old)."""

    def is_created(self) -> bool:
        """It is: it has no work to do."""
        return True

    def validate_instance_type(self, instance_type: str) -> None:
        """Check an instance type.

        Raises:
            ValidationError: there is no such type for hosting.
        """
        shape = get_session().get_service_model("sagemaker").shape_for("ProductionVariantInstanceType")
        allowed: list[str] = shape.metadata["enum"]
        if instance_type not in allowed:
            raise ValidationError(
                f"Value '{instance_type}' at 'productionVariants.1.member.instanceType' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{', '.join(allowed)}]"
            )


class Endpoints(SageMakerModelBackend):
    """SageMaker's models, endpoint configurations and endpoints."""

    endpoints: dict[str, LocalEndpoint]  # type: ignore[assignment]

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
        """Create a model, once its role, image and data are seen to be there.

        Raises:
            ValidationError: the name is taken, or something is missing or may not be read.
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

    def create_endpoint_config(self, endpoint_config_name: str, **request: Any) -> FakeEndpointConfig:  # type: ignore[override]
        """Create an endpoint configuration.

        Raises:
            ValidationError: the name is taken, a model is unknown, or a variant is wrong.
        """
        if endpoint_config_name in self.endpoint_configs:
            arn = self.endpoint_configs[endpoint_config_name].endpoint_config_arn
            raise ValidationError(f'Cannot create already existing endpoint configuration "{arn}".')
        self.validate_production_variants(request["production_variants"])
        config = LocalEndpointConfig(
            account_id=self.account_id,
            region_name=self.region_name,
            endpoint_config_name=endpoint_config_name,
            **request,
        )
        self.endpoint_configs[endpoint_config_name] = config
        return config

    def create_endpoint(
        self, endpoint_name: str, endpoint_config_name: str, tags: list[dict[str, str]]
    ) -> LocalEndpoint:
        """Start creating an endpoint.

        Raises:
            ValidationError: the name is taken, or there is no such configuration.
        """
        if endpoint_name in self.endpoints:
            arn = self.endpoints[endpoint_name].arn
            raise ValidationError(f'Cannot create already existing endpoint "{arn}".')
        self.describe_endpoint_config(endpoint_config_name)
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
        self.endpoints[endpoint_name] = endpoint
        self._in_background(endpoint, lambda: endpoint.bring_up(self, config, keep_counts=False))
        return endpoint

    def update_endpoint(
        self, endpoint_name: str, endpoint_config_name: str, *, retain_all_variant_properties: bool = False
    ) -> LocalEndpoint:
        """Start updating an endpoint to another configuration.

        Raises:
            ValidationError: there is no such endpoint or configuration, or the endpoint is busy.
        """
        self.describe_endpoint(endpoint_name)
        self.describe_endpoint_config(endpoint_config_name)
        endpoint, config = self.endpoints[endpoint_name], self.endpoint_configs[endpoint_config_name]
        endpoint.begin_update()
        self._in_background(
            endpoint, lambda: endpoint.bring_up(self, config, keep_counts=retain_all_variant_properties)
        )
        return endpoint

    def update_endpoint_weights_and_capacities(
        self, endpoint_name: str, desired_weights_and_capacities: list[dict[str, Any]]
    ) -> str:
        """Start scaling an endpoint.

        Raises:
            ValidationError: there is no such endpoint or variant, or the endpoint is busy.
        """
        self.describe_endpoint(endpoint_name)
        endpoint = self.endpoints[endpoint_name]
        desired = {variant["VariantName"]: variant for variant in desired_weights_and_capacities}
        known = {variant["VariantName"] for variant in endpoint.response_object.get("ProductionVariants", [])}
        if unknown := desired.keys() - known:
            raise ValidationError(
                f'The variant name(s) "{", ".join(sorted(unknown))}" is/are not present within endpoint configuration '
                f'"{endpoint.endpoint_config_name}".'
            )
        endpoint.begin_update()
        self._in_background(endpoint, lambda: endpoint.scale(desired))
        return endpoint.arn

    def delete_endpoint(self, endpoint_name: str) -> None:
        """Delete an endpoint and end what serves it.

        Raises:
            ValidationError: there is no such endpoint, or it is busy.
        """
        self.describe_endpoint(endpoint_name)
        endpoint = self.endpoints[endpoint_name]
        endpoint.require_idle()
        super().delete_endpoint(endpoint_name)
        self._in_background(endpoint, endpoint.shut_down)

    def _require_readable(self, model: Model) -> None:
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
