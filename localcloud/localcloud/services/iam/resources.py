"""CloudFormation resources of IAM."""

import contextlib
import json
from typing import Any

from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend, iam_backends

from localcloud.core.principals import require_known_principals
from localcloud.core.resource_model import ResourceModel


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
        boundary = self.properties.get("PermissionsBoundary")
        if any(role.name == self.name for role in self._iam.get_roles()):
            self._iam.update_role(self.name, description, seconds)
            self._iam.update_assume_role_policy(self.name, trust)
            if boundary:
                self._iam.put_role_permissions_boundary(self.name, boundary)
            else:
                self._iam.delete_role_permissions_boundary(self.name)
        else:
            path = self.properties.get("Path", "/")
            self._iam.create_role(
                self.name, trust, path, boundary, description, self.properties.get("Tags", []), seconds
            )
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
        """Create the policy or change its document, and attach it according to the template."""
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
