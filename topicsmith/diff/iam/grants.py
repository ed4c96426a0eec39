"""Grants of a template's policies, one for each principal, action and resource.

The same permissions give the same set of grants, regardless of how they are split into statements.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from topicsmith.diff.model.assembly import JsonObject
from topicsmith.diff.model.values import canonical, parsed

MANAGED_POLICY = "the policy"
"""Action in the grant of a managed policy; the policy's ARN is the resource."""

_IDENTITY_POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy")
_ENDPOINT = "AWS::EC2::VPCEndpoint"
_HOLDERS = ("Roles", "Users", "Groups", "RoleName", "UserName")
PERMISSION = "AWS::Lambda::Permission"
"""A statement of a function's policy as a resource of its own."""
PROPERTIES = {*_HOLDERS, "AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies", "PolicyDocument", "PolicyName"}
"""Properties of pure permission resources that the grants cover completely."""
_ACCOUNT = re.compile(r"\d{12}")


@dataclass(frozen=True, order=True)
class Grant:
    """Permission or denial of one action, for one principal on one resource.

    Attributes:
        effect: ``Allow`` or ``Deny``.
        principal: Reference to a role, ``AWS:<ARN>``, ``Service:<name>`` or similar, or ``*``.
        action: For example ``s3:GetObject``.
        resource: ARN of the resource.
        condition: JSON of the condition; empty without one.
    """

    effect: str
    principal: str
    action: str
    resource: str
    condition: str

    def covers(self, other: "Grant") -> bool:
        """Return True if this grant matches everything that the other one matches."""
        return (
            self.effect == other.effect
            and self.principal in ("*", other.principal)
            and _pattern(self.action.lower()).fullmatch(other.action.lower()) is not None
            and _pattern(self.resource).fullmatch(other.resource) is not None
            and _is_weaker(self.condition, other.condition)
        )


@dataclass(frozen=True)
class Origin:
    """Source of a grant.

    Attributes:
        owner: Reference to the resource that the grant applies to or belongs to.
        logical_id: Logical ID of the resource that contains the policy.
    """

    owner: str
    logical_id: str


def read(template: JsonObject) -> dict[Grant, Origin]:
    """Return the grants of a template with their origins.

    Args:
        template: Template as read by ``intrinsics``.
    """
    found: dict[Grant, Origin] = {}
    for logical_id, resource in sorted(template.get("Resources", {}).items()):
        for owner, grant in _grants(logical_id, resource["Type"], resource.get("Properties", {})):
            found.setdefault(grant, Origin(owner, logical_id))
    return found


def has_policy(value: Any) -> bool:
    """Return True if a property is or contains a policy document."""
    value = parsed(value)
    if isinstance(value, dict):
        return "Statement" in value or any(has_policy(item) for item in value.values())
    return isinstance(value, list) and any(has_policy(item) for item in value)


def is_about_permissions(kind: str, properties: JsonObject) -> bool:
    """Return True if a resource consists only of permissions, which its grants cover."""
    if kind in (*_IDENTITY_POLICIES, PERMISSION, "AWS::IAM::Role"):
        return True
    # Scaling, lifecycle and other policies have nothing to do with permissions.
    return kind.endswith("Policy") and has_policy(properties)


def _grants(logical_id: str, kind: str, properties: JsonObject) -> Iterator[tuple[str, Grant]]:
    itself = f"${{{logical_id}}}"
    if kind == PERMISSION:
        yield from _permission(properties)
        return
    if kind == _ENDPOINT and not properties.get("PolicyDocument"):
        # https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html#default-endpoint-policy
        yield itself, Grant("Allow", "*", "*", itself, "")
    holders = [itself]
    if kind in _IDENTITY_POLICIES:
        holders = [holder for key in _HOLDERS for holder in _listed(properties.get(key))] or [itself]
    for key, value in properties.items():
        if key == "ManagedPolicyArns":
            for arn in _listed(value):
                yield itself, Grant("Allow", itself, MANAGED_POLICY, str(arn), "")
            continue
        for statement in _statements(parsed(value)):
            if key == "AssumeRolePolicyDocument":
                statement = {**statement, "Resource": itself}
            is_identity = kind in _IDENTITY_POLICIES or (kind.startswith("AWS::IAM::") and key == "Policies")
            for principal in holders if is_identity else _principals(statement):
                for grant in _atoms(statement, principal, itself):
                    yield (principal if is_identity else _owner(grant.resource, itself)), grant


def _statements(value: Any) -> Iterator[JsonObject]:
    """Yield the statements of the policy documents in a value, including both branches of a condition."""
    match value:
        case {"Statement": statements}:
            for statement in statements if isinstance(statements, list) else [statements]:
                if "Fn::If" in statement:
                    yield from (one for one in statement["Fn::If"][1:] if "Effect" in one)
                elif "Effect" in statement:
                    yield statement
        case dict():
            for item in value.values():
                yield from _statements(item)
        case list():
            for item in value:
                yield from _statements(item)


def _atoms(statement: JsonObject, principal: str, itself: str) -> Iterator[Grant]:
    condition = canonical(statement["Condition"]) if statement.get("Condition") else ""
    for action in _targets(statement, "Action"):
        for resource in _targets(statement, "Resource") or [itself]:
            # In a resource policy, "*" means the resource itself.
            about = itself if resource == "*" and "Principal" in statement else resource
            yield Grant(str(statement["Effect"]), principal, action, about, condition)


def _targets(statement: JsonObject, key: str) -> Sequence[str]:
    if excluded := _listed(statement.get(f"Not{key}")):
        return [f"everything but {', '.join(sorted(map(_text, excluded)))}"]
    return [_text(one) for one in _listed(statement.get(key))]


def _principals(statement: JsonObject) -> Sequence[str]:
    if "NotPrincipal" in statement:
        return [f"everyone but {canonical(statement['NotPrincipal'])}"]
    match statement.get("Principal"):
        case "*":
            return ["*"]
        case dict(kinds):
            return [_principal(kind, _text(one)) for kind, values in sorted(kinds.items()) for one in _listed(values)]
        case _:
            return []


def _principal(kind: str, name: str) -> str:
    if name == "*":
        return "*"
    # An account number is equivalent to the ARN of the account's root.
    return f"{kind}:arn:aws:iam::{name}:root" if kind == "AWS" and _ACCOUNT.fullmatch(name) else f"{kind}:{name}"


def _permission(properties: JsonObject) -> Iterator[tuple[str, Grant]]:
    """Yield the grant that ``AWS::Lambda::Permission`` adds to the function's policy."""
    name = str(properties.get("Principal", "*"))
    kind = "AWS" if _ACCOUNT.fullmatch(name) or name.startswith("arn:") else "Service"
    condition: dict[str, dict[str, Any]] = {}
    if "SourceArn" in properties:
        condition.setdefault("ArnLike", {})["aws:SourceArn"] = properties["SourceArn"]
    for key, member in (
        ("aws:SourceAccount", "SourceAccount"),
        ("aws:PrincipalOrgID", "PrincipalOrgID"),
        ("lambda:FunctionUrlAuthType", "FunctionUrlAuthType"),
        ("lambda:EventSourceToken", "EventSourceToken"),
    ):
        if member in properties:
            condition.setdefault("StringEquals", {})[key] = properties[member]
    function = str(properties.get("FunctionName"))
    grant = Grant(
        "Allow",
        _principal(kind, name),
        str(properties.get("Action")),
        function,
        canonical(condition) if condition else "",
    )
    yield _owner(function, function), grant


def _owner(resource: str, otherwise: str) -> str:
    """Return the reference to the resource that an ARN belongs to."""
    match = re.match(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z]+)?\}", resource)
    return f"${{{match[1]}}}" if match else otherwise


def _is_weaker(condition: str, other: str) -> bool:
    """Return True if a condition is no stricter than the other one: it adds no test and narrows none."""
    mine, theirs = _tests(condition), _tests(other)
    return all(
        key in theirs and (theirs[key] == values or (key[0] in _POSITIVE and theirs[key] <= values))
        for key, values in mine.items()
    )


_POSITIVE = {"StringEquals", "StringLike", "ArnEquals", "ArnLike", "IpAddress"}


@cache
def _tests(condition: str) -> Mapping[tuple[str, str], frozenset[str]]:
    """Return the allowed values of a condition by operator and key."""
    return {
        (operator, key.lower()): frozenset(map(_text, _listed(values)))
        for operator, keys in (json.loads(condition) if condition else {}).items()
        for key, values in (keys.items() if isinstance(keys, dict) else [("", keys)])
    }


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in text), re.DOTALL)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value)
