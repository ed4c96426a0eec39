"""Protective properties of resources and pipeline steps."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from topicsmith.diff.model.changes import Risk
from topicsmith.diff.model.values import ELEMENT, MISSING, Difference

_KEY = re.compile(r"(?i)kms\w*key\w*|kms\w*id")
_NOT_A_KEY = {"KmsDataKeyReusePeriodSeconds", "BucketKeyEnabled"}
_ROLES = {"Role", "RoleArn", "RoleARN", "ExecutionRoleArn", "TaskRoleArn"}
_NETWORKS = {"VpcConfig", "Subnets", "SubnetIds", "SecurityGroupIds", "SecurityGroups"}
_ENCRYPTS = re.compile(r"Encrypt|Kms|KMS|SSE")
SAYS_WHO = {"AuthType", "AuthorizationType", "AuthorizerId", "JwtConfiguration"}
"""Properties that make callers authenticate."""
_PUBLIC_ACL = {"PublicRead", "PublicReadWrite", "AuthenticatedRead"}


@dataclass(frozen=True)
class _Guard:
    """Protective property.

    Attributes:
        protects: Protective value; ``...`` for any value.
        means: Consequence of losing the protection.
        exposes: Whether losing it gives everyone access.
        without: Whether a missing property protects.
        changed: Consequence of a change to another protective value; empty if the values are self-explanatory.
    """

    protects: Any
    means: str
    exposes: bool = False
    without: bool = False
    changed: str = ""


_OTHER_CALLERS = "its callers are authorized differently"
_OTHER_NETWORK = "its network changes"

# Guards against losing data or reading it from the disk.
_DATA: Mapping[str, _Guard] = {
    "VersioningConfiguration.Status": _Guard("Enabled", "versioning is off: overwritten and deleted objects are lost"),
    "EnableKeyRotation": _Guard(True, "the key is no longer rotated"),
    "Enabled@AWS::KMS::Key": _Guard(True, "the key is disabled: data encrypted with it cannot be read", without=True),
    "DeletionProtectionEnabled": _Guard(True, "it can be deleted"),
    "DeletionProtection": _Guard(True, "it can be deleted"),
    "StorageEncrypted": _Guard(True, "it is not encrypted"),
    "Encrypted": _Guard(True, "it is not encrypted"),
    "SSEEnabled": _Guard(True, "it is not encrypted with its own key"),
    "SqsManagedSseEnabled": _Guard(True, "messages are not encrypted", without=True),
    "PointInTimeRecoveryEnabled": _Guard(True, "point-in-time recovery is off"),
    "EmptyOnDelete": _Guard(False, "it is emptied when it is deleted", without=True),
    "BackupPolicy.Status": _Guard("ENABLED", "there are no backups"),
    "RedrivePolicy.deadLetterTargetArn": _Guard(..., "failed messages are discarded"),
    "ObjectLockConfiguration.ObjectLockEnabled": _Guard("Enabled", "objects are not locked"),
    "ReplicationConfiguration.Role": _Guard(..., "objects are not replicated"),
}
# Guards against wider access.
_ACCESS: Mapping[str, _Guard] = {
    "EnableNetworkIsolation": _Guard(True, "the container can use the network"),
    "EnableInterContainerTrafficEncryption": _Guard(True, "traffic between containers is not encrypted"),
    "BlockPublicAcls": _Guard(True, "ACLs can open the bucket to everyone", exposes=True),
    "BlockPublicPolicy": _Guard(True, "a policy can open the bucket to everyone", exposes=True),
    "IgnorePublicAcls": _Guard(True, "ACLs can open the bucket to everyone", exposes=True),
    "RestrictPublicBuckets": _Guard(True, "a policy can open the bucket to everyone", exposes=True),
    "MapPublicIpOnLaunch": _Guard(False, "instances in it get a public address", without=True),
    "AssociatePublicIpAddress": _Guard(False, "it gets a public address", without=True),
    "ImageTagMutability": _Guard("IMMUTABLE", "tags can be moved to another image"),
    "ScanOnPush": _Guard(True, "images are not scanned"),
    "ObjectOwnership": _Guard("BucketOwnerEnforced", "ACLs are enabled", without=True),
    "PermissionsBoundary": _Guard(..., "the role has no permissions boundary"),
    "LoggingConfiguration.DestinationBucketName": _Guard(..., "access to the bucket is not logged"),
    "VpcConfig": _Guard(..., "it leaves the VPC", changed=_OTHER_NETWORK),
    "VpcConfig.Subnets": _Guard(..., "it leaves the VPC", changed=_OTHER_NETWORK),
    "VpcConfig.SubnetIds": _Guard(..., "it leaves the VPC", changed=_OTHER_NETWORK),
    "VpcConfig.SecurityGroupIds": _Guard(..., "it leaves the VPC", changed=_OTHER_NETWORK),
    "AuthorizationType": _Guard(..., "callers are not authenticated", changed=_OTHER_CALLERS),
    "AuthType": _Guard(..., "callers are not authenticated", changed=_OTHER_CALLERS),
}


@dataclass(frozen=True)
class Verdict:
    """Consequence of a changed property.

    Attributes:
        risk: Group of the change.
        rule: Identifier for programs.
        means: Description of the consequence; empty if the values are self-explanatory.
        exposes: Whether it may give everyone access.
    """

    risk: Risk
    rule: str
    means: str = ""
    exposes: bool = False


def is_open_to_everyone(kind: str, properties: Mapping[str, Any]) -> bool:
    """Return True if a resource with these properties accepts unauthenticated callers."""
    if kind == "AWS::Lambda::Url":
        return bool(properties.get("AuthType") == "NONE")
    if kind in ("AWS::ApiGatewayV2::Route", "AWS::ApiGateway::Method") and properties.get("HttpMethod") != "OPTIONS":
        return bool(properties.get("AuthorizationType", "NONE") == "NONE")
    if kind == "AWS::S3::Bucket":
        return properties.get("AccessControl") in _PUBLIC_ACL
    return str(properties.get("PubliclyAccessible", "")).lower() == "true"


def judge(difference: Difference, kind: str) -> Verdict | None:
    """Return the worst consequence of a difference, or None if no protective value is involved.

    Args:
        difference: Difference of a property or of a step's argument.
        kind: Type of the resource or of the step.
    """
    if difference.path[-1] == ELEMENT and _NETWORKS.intersection(difference.path):
        # The list still has other elements.
        return Verdict(Risk.ACCESS, "guard-changed", _OTHER_NETWORK)
    verdicts = [verdict for leaf in difference.leaves() if (verdict := _judge(leaf, kind))]
    if difference.new is MISSING and isinstance(difference.old, dict) and not _ENCRYPTS.search(difference.place):
        # Without the output or volume itself there is nothing left to encrypt.
        verdicts = [verdict for verdict in verdicts if verdict.rule != "encryption-off"]
    return min(verdicts, key=lambda one: (one.rule == "guard-on", not one.exposes, one.risk), default=None)


def _judge(leaf: Difference, kind: str) -> Verdict | None:
    names = [part for part in leaf.path if not part.startswith("[")]
    if not names:
        return None
    keys = [f"{names[-1]}@{kind}", ".".join(names[-2:]), names[-1]]
    for risk, guards in ((Risk.DATA, _DATA), (Risk.ACCESS, _ACCESS)):
        guard = next((guards[key] for key in keys if key in guards), None)
        if guard is not None:
            return _guarded(risk, guard, leaf)
    return _encryption(leaf, names) or _other(names)


def _guarded(risk: Risk, guard: _Guard, leaf: Difference) -> Verdict | None:
    old, new = (_is_protected(guard, side) for side in (leaf.old, leaf.new))
    if old and not new:
        return Verdict(risk, "guard-off", guard.means, guard.exposes)
    if new and not old:
        return Verdict(Risk.ACCESS if risk is Risk.ACCESS else Risk.REST, "guard-on")
    return Verdict(Risk.ACCESS, "guard-changed", guard.changed) if risk is Risk.ACCESS and new else None


def _is_protected(guard: _Guard, value: Any) -> bool:
    if _is_absent(value):
        return guard.without
    return value != "NONE" if guard.protects is ... else str(value).lower() == str(guard.protects).lower()


def _is_absent(value: Any) -> bool:
    return value is MISSING or value in ([], {}, "")


def _encryption(leaf: Difference, names: list[str]) -> Verdict | None:
    name = names[-1]
    if name == "SSEAlgorithm" and str(leaf.old).startswith("aws:kms") and not str(leaf.new).startswith("aws:kms"):
        return Verdict(Risk.DATA, "encryption-off", "it is not encrypted with the environment's own key")
    if name in _NOT_A_KEY or not _KEY.fullmatch(name):
        return None
    if _is_absent(leaf.new):
        return Verdict(Risk.DATA, "encryption-off", "it is not encrypted with the environment's own key")
    if _is_absent(leaf.old):
        return Verdict(Risk.REST, "guard-on")
    return Verdict(Risk.ACCESS, "key", "another key: existing data stays encrypted with the old one")


def _other(names: list[str]) -> Verdict | None:
    if names[-1] in _ROLES:
        return Verdict(Risk.ACCESS, "role", "it runs under another role")
    if SAYS_WHO.intersection(names):
        return Verdict(Risk.ACCESS, "guard-changed", _OTHER_CALLERS)
    if _NETWORKS.intersection(names):
        return Verdict(Risk.ACCESS, "guard-changed", _OTHER_NETWORK)
    return None
