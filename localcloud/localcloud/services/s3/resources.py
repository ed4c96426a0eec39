"""CloudFormation resources of Amazon S3."""

import json
from collections.abc import Mapping
from typing import Any

from moto.s3.models import FakeBucket, s3_backends

from localcloud.core.principals import require_known_principals
from localcloud.core.resource_model import ResourceModel


class Bucket(FakeBucket):
    """``AWS::S3::Bucket``; moto's ignores the EventBridge configuration."""

    TYPE = "AWS::S3::Bucket"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> FakeBucket:
        """Create a bucket from a template."""
        bucket = super().create_from_cloudformation_json(
            resource_name, cloudformation_json, account_id, region_name, **kwargs
        )
        return _with_events(bucket, cloudformation_json["Properties"])

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> FakeBucket:
        """Update a bucket from a template; moto updates tags only if the template names the bucket."""
        named = {"BucketName": original_resource.name, **cloudformation_json["Properties"]}
        bucket = super().update_from_cloudformation_json(
            original_resource, new_resource_name, {**cloudformation_json, "Properties": named}, account_id, region_name
        )
        return _with_events(bucket, named)


def _with_events(bucket: FakeBucket, properties: Mapping[str, Any]) -> FakeBucket:
    wanted = properties.get("NotificationConfiguration", {}).get("EventBridgeConfiguration")
    sends = wanted is not None and wanted.get("EventBridgeEnabled", True)
    bucket.set_notification_configuration({"EventBridgeConfiguration": {}} if sends else None)
    return bucket


class BucketPolicy(ResourceModel):
    """``AWS::S3::BucketPolicy``."""

    TYPE = "AWS::S3::BucketPolicy"

    def put(self) -> None:
        """Attach the policy to its bucket."""
        require_known_principals(self.properties["PolicyDocument"])
        policy = json.dumps(self.properties["PolicyDocument"]).encode()
        s3_backends[self.account_id]["aws"].put_bucket_policy(self.properties["Bucket"], policy)

    def remove(self) -> None:
        """Delete the bucket's policy."""
        s3_backends[self.account_id]["aws"].delete_bucket_policy(self.properties["Bucket"])
