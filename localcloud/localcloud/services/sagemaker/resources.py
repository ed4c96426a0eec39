"""SageMaker's CloudFormation resource types.

For ``Ref``, ``Fn::GetAtt`` and replacement see
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SageMaker.html.
"""

import contextlib
import json
from collections.abc import Callable
from typing import Any, ClassVar, Self, TypeVar

from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import sagemaker_backends

from localcloud.core.resource_model import ResourceModel
from localcloud.services.sagemaker.hosting.record import EndpointBusy, LocalEndpoint
from localcloud.services.sagemaker.responses import LocalSageMaker

T = TypeVar("T")

_LONGEST_NAME = 63


class SageMakerResource(ResourceModel):
    """Base of SageMaker's resources.

    Attributes:
        NAME: Property with the name; a name is generated if it is missing.
        ARN: Resource type in the ARN.
    """

    NAME: ClassVar[str]
    ARN: ClassVar[str]
    replaces = True

    @property
    def arn(self) -> str:
        """ARN of the resource."""
        return f"arn:aws:sagemaker:{self.region_name}:{self.account_id}:{self.ARN}/{self.name}"

    @property
    def physical_resource_id(self) -> str:
        """Value of ``Ref``."""
        return self.arn

    @property
    def backend(self) -> LocalSageMaker:
        """SageMaker backend of the stack's account and region."""
        backend = sagemaker_backends[self.account_id][self.region_name]
        assert isinstance(backend, LocalSageMaker)
        return backend

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the name or the ARN, for ``Fn::GetAtt``."""
        attributes = {self.NAME: self.name, f"{self.NAME.removesuffix('Name')}Arn": self.arn}
        if attribute_name not in attributes:
            raise ValidationError(f"{self.TYPE} has no attribute {attribute_name}; it has {', '.join(attributes)}.")
        return attributes[attribute_name]

    def create(self) -> None:
        """Create the resource."""
        raise NotImplementedError

    def update(self) -> None:
        """Update the resource in place."""
        raise NotImplementedError

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> Self:
        """Create the resource."""
        properties = cloudformation_json.get("Properties", {})
        name = properties.get(cls.NAME) or resource_name[-_LONGEST_NAME:].lstrip("-")
        resource = cls(name, properties, account_id, region_name)
        resource.create()
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Self:
        """Update the resource in place; a new name replaces it."""
        properties = cloudformation_json.get("Properties", {})
        if properties.get(cls.NAME, original_resource.name) != original_resource.name:
            return cls._replace(original_resource, new_resource_name, cloudformation_json)
        resource = cls(original_resource.name, properties, account_id, region_name)
        resource.update()
        return resource

    @classmethod
    def _replace(cls, original: Self, new_resource_name: str, cloudformation_json: Any) -> Self:
        named = cloudformation_json.get("Properties", {}).get(cls.NAME)
        if named == original.name:
            raise ValidationError(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {named} and update the stack again."
            )
        return cls.create_from_cloudformation_json(
            new_resource_name, cloudformation_json, original.account_id, original.region_name
        )


class ReplacedResource(SageMakerResource):
    """A resource that is replaced by every change."""

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Self:
        """Create the new resource; the stack deletes the old one after the update."""
        return cls._replace(original_resource, new_resource_name, cloudformation_json)


class PipelineResource(SageMakerResource):
    """``AWS::SageMaker::Pipeline``."""

    TYPE = "AWS::SageMaker::Pipeline"
    NAME = "PipelineName"
    ARN = "pipeline"

    @property
    def physical_resource_id(self) -> str:
        """The pipeline's name."""
        return self.name

    def create(self) -> None:
        """Create the pipeline."""
        self.backend.create_pipeline(self.name, tags=self.properties.get("Tags", []), **self._request())

    def update(self) -> None:
        """Update the pipeline."""
        self.backend.update_pipeline(self.name, **self._request())

    def remove(self) -> None:
        """Delete the pipeline."""
        self.backend.delete_pipeline(self.name)

    def _request(self) -> dict[str, Any]:
        definition = self.properties["PipelineDefinition"]
        location = definition.get("PipelineDefinitionS3Location")
        return {
            "pipeline_display_name": self.properties.get("PipelineDisplayName"),
            "pipeline_definition": definition.get("PipelineDefinitionBody"),
            "pipeline_definition_s3_location": location
            and {"Bucket": location["Bucket"], "ObjectKey": location["Key"]},
            "pipeline_description": self.properties.get("PipelineDescription"),
            "role_arn": self.properties["RoleArn"],
            "parallelism_configuration": self.properties.get("ParallelismConfiguration"),
        }


class ModelPackageGroupResource(SageMakerResource):
    """``AWS::SageMaker::ModelPackageGroup``; only a new name or description replaces it."""

    TYPE = "AWS::SageMaker::ModelPackageGroup"
    NAME = "ModelPackageGroupName"
    ARN = "model-package-group"

    def create(self) -> None:
        """Create the group."""
        self.backend.create_model_package_group(self.name, self._description, self.properties.get("Tags", []))
        self._put_policy()

    def update(self) -> None:
        """Update the group's tags and policy."""
        self.backend.model_package_groups[self.name].tags = self.properties.get("Tags", [])
        self._put_policy()

    def remove(self) -> None:
        """Delete the group, which must be empty."""
        self.backend.delete_model_package_group(self.name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Self:
        """Update the group in place; a new name or description replaces it."""
        wanted = cls(original_resource.name, cloudformation_json.get("Properties", {}), account_id, region_name)
        if wanted._description != original_resource._description:
            return cls._replace(original_resource, new_resource_name, cloudformation_json)
        return super().update_from_cloudformation_json(
            original_resource, new_resource_name, cloudformation_json, account_id, region_name
        )

    @property
    def _description(self) -> str:
        return str(self.properties.get("ModelPackageGroupDescription", ""))

    def _put_policy(self) -> None:
        policy = self.properties.get("ModelPackageGroupPolicy")
        if policy:
            text = policy if isinstance(policy, str) else json.dumps(policy)
            self.backend.put_model_package_group_policy(self.name, text)
        else:
            self.backend.group_policies.pop(self.name, None)


class ModelResource(ReplacedResource):
    """``AWS::SageMaker::Model``."""

    TYPE = "AWS::SageMaker::Model"
    NAME = "ModelName"
    ARN = "model"

    def create(self) -> None:
        """Create the model."""
        self.backend.create_model(
            model_name=self.name,
            execution_role_arn=self.properties.get("ExecutionRoleArn", ""),
            primary_container=self.properties.get("PrimaryContainer"),
            vpc_config=self.properties.get("VpcConfig"),
            containers=self.properties.get("Containers"),
            tags=self.properties.get("Tags", []),
            enable_network_isolation=bool(self.properties.get("EnableNetworkIsolation")),
        )

    def remove(self) -> None:
        """Delete the model."""
        self.backend.delete_model(self.name)


class EndpointConfigResource(ReplacedResource):
    """``AWS::SageMaker::EndpointConfig``."""

    TYPE = "AWS::SageMaker::EndpointConfig"
    NAME = "EndpointConfigName"
    ARN = "endpoint-config"

    def create(self) -> None:
        """Create the endpoint configuration."""
        self.backend.create_endpoint_config({**self.properties, "EndpointConfigName": self.name})

    def remove(self) -> None:
        """Delete the endpoint configuration."""
        self.backend.delete_endpoint_config(self.name)


class EndpointResource(SageMakerResource):
    """``AWS::SageMaker::Endpoint``; creation and update wait until the endpoint is in service."""

    TYPE = "AWS::SageMaker::Endpoint"
    NAME = "EndpointName"
    ARN = "endpoint"

    def create(self) -> None:
        """Create the endpoint and wait until it is in service."""
        endpoint = self.backend.create_endpoint(
            self.name,
            self.properties["EndpointConfigName"],
            self.properties.get("Tags", []),
            deployment_config=self.properties.get("DeploymentConfig"),
        )
        try:
            endpoint.settle()
        except ValidationError:
            self.remove()
            raise

    def update(self) -> None:
        """Update the endpoint and wait until the new configuration serves; until then the old one does."""
        config = self.properties["EndpointConfigName"]
        if self.backend.describe_endpoint(self.name)["EndpointConfigName"] == config:
            return

        def work() -> LocalEndpoint:
            return self.backend.update_endpoint(
                self.name,
                config,
                retain_all_variant_properties=bool(self.properties.get("RetainAllVariantProperties")),
                exclude_retained_variant_properties=self.properties.get("ExcludeRetainedVariantProperties", []),
                deployment_config=self.properties.get("DeploymentConfig"),
                retain_deployment_config=bool(self.properties.get("RetainDeploymentConfig")),
            )

        self._once_idle(work).settle()

    def remove(self) -> None:
        """Delete the endpoint and wait until it is gone."""
        endpoint = self.backend.endpoints[self.name]
        self._once_idle(lambda: self.backend.delete_endpoint(self.name))
        endpoint.wait_until_idle()

    def _once_idle(self, work: Callable[[], T]) -> T:
        """Run ``work`` while no operation is in progress; autoscaling may start one at any time."""
        endpoint = self.backend.endpoints[self.name]
        while True:
            endpoint.wait_until_idle()
            with contextlib.suppress(EndpointBusy):
                return work()
