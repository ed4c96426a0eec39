"""CloudFormation resource types that moto lacks or supports only in part, on top of moto's services."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend, iam_backends
from moto.kms.models import kms_backends
from moto.logs.models import LogsBackend, logs_backends
from moto.s3.models import FakeBucket, s3_backends

from localcloud.core.principals import require_known_principals
from localcloud.core.resource_model import MODELS, ResourceModel


class Key(ResourceModel):
    """``AWS::KMS::Key``; moto's cannot be tagged or updated."""

    TYPE = "AWS::KMS::Key"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the key's ARN or its id."""
        key = kms_backends[self.account_id][self.region_name].keys[self.name]
        return str({"Arn": key.arn, "KeyId": key.id}[attribute_name])

    def put(self) -> None:
        """Create the key, or change its policy, description, rotation and tags."""
        backend = kms_backends[self.account_id][self.region_name]
        require_known_principals(self.properties["KeyPolicy"])
        policy = json.dumps(self.properties["KeyPolicy"])
        description = self.properties.get("Description", "")
        if self.name not in backend.keys:
            usage = self.properties.get("KeyUsage", "ENCRYPT_DECRYPT")
            spec = self.properties.get("KeySpec", "SYMMETRIC_DEFAULT")
            self.name = backend.create_key(policy, usage, spec, description, tags=[]).id
        backend.put_key_policy(self.name, policy)
        backend.update_key_description(self.name, description)
        backend.keys[self.name].key_rotation_status = bool(self.properties.get("EnableKeyRotation"))
        backend.tag_resource(self.name, {tag["Key"]: tag["Value"] for tag in self.properties.get("Tags", [])})

    def remove(self) -> None:
        """Schedule the key's deletion."""
        window = int(self.properties.get("PendingWindowInDays", 30))
        kms_backends[self.account_id][self.region_name].schedule_key_deletion(self.name, window)


class Role(ResourceModel):
    """``AWS::IAM::Role``; moto's takes no managed policies and cannot change its policies."""

    TYPE = "AWS::IAM::Role"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the role's ARN or its id."""
        role = self._iam.get_role(self.name)
        return str({"Arn": role.arn, "RoleId": role.id}[attribute_name])

    def put(self) -> None:
        """Create the role, or change its trust policy, description and policies."""
        self.name = self.properties.get("RoleName", self.name)
        require_known_principals(self.properties["AssumeRolePolicyDocument"])
        trust = json.dumps(self.properties["AssumeRolePolicyDocument"])
        description = self.properties.get("Description", "")
        seconds = str(self.properties.get("MaxSessionDuration", 3600))
        if any(role.name == self.name for role in self._iam.get_roles()):
            self._iam.update_role(self.name, description, seconds)
            self._iam.update_assume_role_policy(self.name, trust)
        else:
            path = self.properties.get("Path", "/")
            self._iam.create_role(self.name, trust, path, "", description, self.properties.get("Tags", []), seconds)
        inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in self.properties.get("Policies", [])}
        for name, document in inline.items():
            self._iam.put_role_policy(self.name, name, json.dumps(document))
        attached = set(self._iam.get_role(self.name).managed_policies)
        wanted = set(self.properties.get("ManagedPolicyArns", []))
        for arn in wanted - attached:
            self._iam.attach_role_policy(arn, self.name)
        for arn in attached - wanted:
            self._iam.detach_role_policy(arn, self.name)

    def remove(self) -> None:
        """Delete the role with its policies."""
        role = self._iam.get_role(self.name)
        for arn in list(role.managed_policies):
            self._iam.detach_role_policy(arn, self.name)
        for name in list(role.policies):
            role.delete_policy(name)
        self._iam.delete_role(self.name)

    @property
    def _iam(self) -> IAMBackend:
        return iam_backends[self.account_id]["aws"]


class ManagedPolicy(ResourceModel):
    """``AWS::IAM::ManagedPolicy``; moto's cannot be changed or deleted."""

    TYPE = "AWS::IAM::ManagedPolicy"

    @property
    def physical_resource_id(self) -> str:
        """The policy's ARN."""
        path = self.properties.get("Path", "/")
        return f"arn:aws:iam::{self.account_id}:policy{path}{self.properties.get('ManagedPolicyName', self.name)}"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the policy's ARN, or its id."""
        policy = self._iam.get_policy(self.physical_resource_id)
        return str({"PolicyArn": policy.arn, "PolicyId": policy.id}[attribute_name])

    def put(self) -> None:
        """Create the policy or change its document, and attach it as the template says."""
        arn, document = self.physical_resource_id, json.dumps(self.properties["PolicyDocument"])
        if arn in self._iam.managed_policies:
            before = self._iam.get_policy(arn).default_version_id
            self._iam.create_policy_version(arn, document, set_as_default=True)
            self._iam.delete_policy_version(arn, before)
        else:
            description, path = self.properties.get("Description", ""), self.properties.get("Path", "/")
            self._iam.create_policy(description, path, document, arn.rpartition("/")[2], tags=[])
        for role in self.properties.get("Roles", []):
            self._iam.attach_role_policy(arn, role)
        for user in self.properties.get("Users", []):
            self._iam.attach_user_policy(arn, user)
        for group in self.properties.get("Groups", []):
            self._iam.attach_group_policy(arn, group)

    def remove(self) -> None:
        """Delete the policy, which must not be attached to anything else."""
        self.detach()
        self._iam.delete_policy(self.physical_resource_id)

    def detach(self) -> None:
        """Detach the policy from the template's roles, users and groups; some may already be deleted."""
        arn = self.physical_resource_id
        for kind, detach in (
            ("Roles", self._iam.detach_role_policy),
            ("Users", self._iam.detach_user_policy),
            ("Groups", self._iam.detach_group_policy),
        ):
            for name in self.properties.get(kind, []):
                with contextlib.suppress(NotFoundException):
                    detach(arn, name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> ResourceModel:
        """Change the policy in place."""
        original_resource.detach()
        return super().update_from_cloudformation_json(
            original_resource, new_resource_name, cloudformation_json, account_id, region_name
        )

    @property
    def _iam(self) -> IAMBackend:
        return iam_backends[self.account_id]["aws"]


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


class LogGroup(ResourceModel):
    """``AWS::Logs::LogGroup``; moto's ARN lacks CloudFormation's ``:*`` at the end."""

    TYPE = "AWS::Logs::LogGroup"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the ARN of the group and its streams."""
        return f"arn:aws:logs:{self.region_name}:{self.account_id}:log-group:{self.name}:*"

    def put(self) -> None:
        """Create the group, or change its retention."""
        self.name = self.properties.get("LogGroupName", self.name)
        if self.name not in self._logs.groups:
            self._logs.create_log_group(
                self.name, {tag["Key"]: tag["Value"] for tag in self.properties.get("Tags", [])}
            )
        self._logs.groups[self.name].set_retention_policy(self.properties.get("RetentionInDays"))

    def remove(self) -> None:
        """Delete the group with its streams."""
        self._logs.delete_log_group(self.name)

    @property
    def _logs(self) -> LogsBackend:
        return logs_backends[self.account_id][self.region_name]


def install() -> None:
    """Teach moto's CloudFormation these types."""
    for model in (Bucket, Key, Role, ManagedPolicy, LogGroup, BucketPolicy):
        MODELS[model.TYPE] = model
