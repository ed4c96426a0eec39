"""CloudFormation resource types of the local cloud, in addition to moto's.

An unknown type becomes a :class:`SkippedResource`: it is kept in the stack, where other resources can refer to it, and
the stack's event says that it was skipped.
"""

import logging
from typing import Any, ClassVar

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

logger = logging.getLogger(__name__)


class ResourceModel(CloudFormationModel):
    """A resource of a stack; subclasses create, update and delete it.

    Attributes:
        TYPE: The CloudFormation type.
        status_reason: Text of the stack's event.
        replaces: True if the stack deletes the old resource after an update that changed the physical id.
    """

    TYPE: ClassVar[str]
    status_reason: str | None = None
    replaces: ClassVar[bool] = False

    def __init__(self, name: str, properties: dict[str, Any], account_id: str, region_name: str):
        self.name = name
        self.properties = properties
        self.account_id = account_id
        self.region_name = region_name

    def put(self) -> None:
        """Create the resource, or update it to ``self.properties``."""

    def remove(self) -> None:
        """Delete the resource."""

    @property
    def physical_resource_id(self) -> str:
        """The value of ``Ref``."""
        return self.name

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the value of ``Fn::GetAtt``, by default a text that names the attribute."""
        return f"{self.physical_resource_id}.{attribute_name}"

    def is_created(self) -> bool:
        """Return true: the resource is complete once it is created."""
        return True

    @staticmethod
    def cloudformation_type() -> str:
        """Return no type: moto finds these models through :func:`install`."""
        return ""

    @staticmethod
    def cloudformation_name_type() -> str:
        """Return no property: the models handle names themselves."""
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return true: any attribute may be requested."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> "ResourceModel":
        """Create the resource."""
        resource = cls(resource_name, cloudformation_json.get("Properties", {}), account_id, region_name)
        resource.put()
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "ResourceModel":
        """Update the resource in place."""
        resource = cls(original_resource.name, cloudformation_json.get("Properties", {}), account_id, region_name)
        resource.put()
        return resource


class SkippedResource(ResourceModel):
    """A resource of a type that neither moto nor the local cloud runs."""

    TYPE = ""

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> "ResourceModel":
        """Record the resource, with the reason that it was skipped."""
        resource = cls(resource_name, {}, account_id, region_name)
        resource.status_reason = f"skipped: the local cloud does not run {cloudformation_json['Type']}"
        logger.warning("%s: %s", kwargs.get("LogicalId", resource_name), resource.status_reason)
        return resource


MODELS: dict[str, type[Any]] = {}
"""The resource types of the installed services, which take precedence over moto's. ``Custom::`` stands for all custom
resources."""

CUSTOM_RESOURCES = "Custom::"


def install() -> None:
    """Make moto's CloudFormation use the registered types."""
    known_to_moto = parsing.resource_class_from_type
    parsing.get_model_list.cache_clear()
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()

    def resource_class_from_type(resource_type: str) -> type[CloudFormationModel]:
        if resource_type.startswith((CUSTOM_RESOURCES, "AWS::CloudFormation::CustomResource")):
            resource_type = CUSTOM_RESOURCES
        return MODELS.get(resource_type) or known_to_moto(resource_type) or SkippedResource

    parsing.resource_class_from_type = resource_class_from_type
