"""SageMaker's hosting API: operations that moto supports only in part."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.session import get_session
from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse

from localcloud.services.sagemaker.hosting.backend import Endpoints


class EndpointResponses(SageMakerResponse):
    """Operations on endpoint configurations and endpoints."""

    def create_endpoint_config(self) -> ActionResult:
        """Handle CreateEndpointConfig."""
        config = self._endpoints.create_endpoint_config(self._request("CreateEndpointConfig"))
        return ActionResult({"EndpointConfigArn": config.endpoint_config_arn})

    def create_endpoint(self) -> ActionResult:
        """Handle CreateEndpoint."""
        endpoint = self._endpoints.create_endpoint(
            self._get_param("EndpointName"),
            self._get_param("EndpointConfigName"),
            self._get_param("Tags"),
            deployment_config=self._get_param("DeploymentConfig"),
        )
        return ActionResult(endpoint.response_create)

    def update_endpoint(self) -> ActionResult:
        """Handle UpdateEndpoint."""
        endpoint = self._endpoints.update_endpoint(
            self._get_param("EndpointName"),
            self._get_param("EndpointConfigName"),
            retain_all_variant_properties=self._get_param("RetainAllVariantProperties", False),
            exclude_retained_variant_properties=self._get_param("ExcludeRetainedVariantProperties", []),
            deployment_config=self._get_param("DeploymentConfig"),
            retain_deployment_config=self._get_param("RetainDeploymentConfig", False),
        )
        return ActionResult(endpoint.response_create)

    @property
    def _endpoints(self) -> Endpoints:
        backend = self.sagemaker_backend
        assert isinstance(backend, Endpoints)
        return backend

    def _request(self, operation: str) -> Mapping[str, Any]:
        """Return the present members of a request."""
        given = {name: self._get_param(name) for name in _members(operation)}
        return {name: value for name, value in given.items() if value is not None}


@cache
def _members(operation: str) -> tuple[str, ...]:
    """Return the names of the members of an operation's request."""
    shape = get_session().get_service_model("sagemaker").operation_model(operation).input_shape
    return tuple(shape.members) if shape else ()
