"""Model registry: moto's, with resource policies of groups and SageMaker's events on changes of packages.

Event:
https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html#eventbridge-model-package.
"""

import json
import threading
from datetime import datetime
from typing import Any

from moto.events.models import events_backends
from moto.sagemaker.exceptions import ConflictException, ValidationError
from moto.sagemaker.models import ModelPackage, ModelPackageGroup, SageMakerModelBackend

_EVENT_FIELDS = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "InferenceSpecification",
    "ModelPackageStatus",
    "ModelPackageStatusDetails",
    "CertifyForMarketplace",
    "ModelApprovalStatus",
    "MetadataProperties",
    "ModelMetrics",
    "LastModifiedTime",
    "ApprovalDescription",
    "CustomerMetadataProperties",
)


class ModelRegistry(SageMakerModelBackend):
    """SageMaker's model package groups and model packages."""

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._registry_lock = threading.Lock()
        self._last_versions: dict[str, int] = {}
        self.group_policies: dict[str, str] = {}

    def create_model_package_group(self, model_package_group_name: str, *args: Any, **kwargs: Any) -> str:
        """Create a group.

        Raises:
            ValidationError: A group with this name exists.
        """
        if model_package_group_name in self.model_package_groups:
            arn = self.model_package_groups[model_package_group_name].arn
            raise ValidationError(f"Model Package Group already exists: {arn}")
        return super().create_model_package_group(model_package_group_name, *args, **kwargs)

    def delete_model_package_group(self, model_package_group_name: str) -> None:
        """Delete a group.

        Raises:
            ValidationError: The group does not exist.
            ConflictException: The group contains model packages.
        """
        name = model_package_group_name.rpartition("/")[2]
        group = self.describe_model_package_group(name)
        if self._versions(name):
            raise ConflictException(
                f"Cannot delete Model Package Group {group.arn}: it still contains Model Packages. Delete them first."
            )
        del self.model_package_groups[name]
        self.group_policies.pop(name, None)

    def describe_model_package_group(self, model_package_group_name: str) -> ModelPackageGroup:
        """Return a group by name or ARN.

        Raises:
            ValidationError: The group does not exist.
        """
        return super().describe_model_package_group(model_package_group_name.rpartition("/")[2])

    def put_model_package_group_policy(self, name: str, policy: str) -> str:
        """Set a group's resource policy, which grants other accounts access to it and its packages; return its ARN.

        Raises:
            ValidationError: The group does not exist, or the policy is not JSON.
        """
        group = self.describe_model_package_group(name)
        try:
            json.loads(policy)
        except ValueError as error:
            raise ValidationError(f"The resource policy of {group.arn} is not JSON: {error}") from None
        self.group_policies[group.model_package_group_name] = policy
        return group.arn

    def get_model_package_group_policy(self, name: str) -> str:
        """Return a group's policy.

        Raises:
            ValidationError: The group does not exist or has no policy.
        """
        group = self.describe_model_package_group(name)
        if group.model_package_group_name not in self.group_policies:
            raise ValidationError(f"Cannot find resource policy for {group.arn}")
        return self.group_policies[group.model_package_group_name]

    def delete_model_package_group_policy(self, name: str) -> None:
        """Delete a group's policy.

        Raises:
            ValidationError: The group does not exist or has no policy.
        """
        self.get_model_package_group_policy(name)
        del self.group_policies[name.rpartition("/")[2]]

    def create_model_package(  # type: ignore[override]
        self, model_package_group_name: str | None, model_approval_status: str | None, **request: Any
    ) -> str:
        """Register a model and send the event."""
        group = model_package_group_name and model_package_group_name.rpartition("/")[2]
        if group and model_approval_status is None:
            model_approval_status = "PendingManualApproval"
        with self._registry_lock:
            before = dict(self.model_packages)
            arn = super().create_model_package(
                model_package_group_name=group, model_approval_status=model_approval_status, **request
            )
            package = self.model_packages[arn]
            if group:
                self._number(package, before)
        self._announce(package, [])
        return package.arn

    def update_model_package(  # type: ignore[override]
        self,
        model_package_arn: str,
        model_approval_status: str | None,
        approval_description: str | None,
        customer_metadata_properties: dict[str, str] | None,
        **request: Any,
    ) -> str:
        """Update a model package and send the event; members missing in the request stay (moto drops them)."""
        package = self.describe_model_package(model_package_arn)
        before = package.gen_response_object()
        arn = super().update_model_package(
            model_package_arn=package.arn,
            model_approval_status=model_approval_status or package.model_approval_status,
            approval_description=approval_description or package.approval_description,
            customer_metadata_properties={
                **(package.customer_metadata_properties or {}),
                **(customer_metadata_properties or {}),
            },
            **request,
        )
        after = package.gen_response_object()
        fields = ("ModelApprovalStatus", "ApprovalDescription", "CustomerMetadataProperties")
        self._announce(
            package, [field for field in fields if (before.get(field) or None) != (after.get(field) or None)]
        )
        return arn

    def delete_model_package(self, model_package_name: str) -> None:
        """Delete a model package.

        Raises:
            ValidationError: The package does not exist.
        """
        package = self.describe_model_package(model_package_name)
        del self.model_packages[package.arn]
        for name in [name for name, arn in self.model_package_name_mapping.items() if arn == package.arn]:
            del self.model_package_name_mapping[name]

    def _number(self, package: ModelPackage, before: dict[str, ModelPackage]) -> None:
        """Number a package after the last version ever created; moto counts the remaining ones."""
        group = str(package.model_package_group_name)
        version = self._last_versions[group] = self._last_versions.get(group, 0) + 1
        if package.model_package_version == version:
            return
        counted, package.arn = package.arn, f"{package.arn.rpartition('/')[0]}/{version}"
        package.model_package_version = version
        self.model_packages = {**before, package.arn: package}
        if counted not in before:
            del self.model_package_name_mapping[counted]
        self.model_package_name_mapping.update({package.arn: package.arn, package.model_package_name: package.arn})

    def _versions(self, group_name: str) -> list[ModelPackage]:
        packages = list(self.model_packages.values())
        return [package for package in packages if package.model_package_group_name == group_name]

    def _announce(self, package: ModelPackage, updated_fields: list[str]) -> None:
        described = package.gen_response_object()
        detail = {field: described[field] for field in _EVENT_FIELDS if described.get(field) is not None}
        if updated_fields:
            detail["UpdatedModelPackageFields"] = updated_fields
        events_backends[self.account_id][self.region_name].put_events(
            [
                {
                    "Source": "aws.sagemaker",
                    "DetailType": "SageMaker Model Package State Change",
                    "Detail": json.dumps(detail, default=_event_time),
                    "Resources": [package.arn],
                }
            ]
        )


def _event_time(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    raise TypeError(f"An event cannot hold {value!r}.")
