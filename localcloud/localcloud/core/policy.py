"""IAM policy evaluation: identity policies, permissions boundaries, resource policies, conditions.

The rules are those of
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html; session policies,
organization policies and the boundaries of users are not supported. moto's own evaluation covers neither resources
(except S3 and roles) nor most conditions.
"""

import fnmatch
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any

Statement = Mapping[str, Any]

EXPLICIT_DENY = "with an explicit deny in a policy"
"""Reason of a denial that a statement with the effect Deny causes."""


class Effect(Enum):
    """The effect of a set of statements on a request."""

    ALLOW = "Allow"
    DENY = "Deny"
    NONE = "None"


@dataclass(frozen=True)
class AccessRequest:
    """One action of one principal on one resource.

    Attributes:
        principal: ARN of the caller (a user, a role session), or a service principal such as ``s3.amazonaws.com``.
        action: The IAM action, for example ``s3:GetObject``.
        resource: ARN of the resource. If it is unknown (``None``), statements are matched by action alone.
        context: Condition keys, in lower case, and their values.
    """

    principal: str
    action: str
    resource: str | None
    context: Mapping[str, str] = field(default_factory=dict)


def evaluate(statements: Iterable[Statement], request: AccessRequest, *, accounts: bool = True) -> Effect:
    """Return the effect of statements: an explicit deny wins, then an allow.

    Args:
        statements: Statements of the caller's policies, or of the resource's policy.
        request: The request.
        accounts: True if a ``Principal`` that names an account includes everyone in it. Such a statement delegates the
            decision to the account's IAM; one that names the principal itself is final.
    """
    effect = Effect.NONE
    for statement in statements:
        if not _applies(statement, request, accounts):
            continue
        if statement["Effect"] == "Deny":
            return Effect.DENY
        effect = Effect.ALLOW
    return effect


def decide(
    request: AccessRequest,
    *,
    identity: Sequence[Statement],
    own_policy: Sequence[Statement],
    foreign: bool,
    own_policy_decides: bool,
    boundary: Sequence[Statement] | None = None,
) -> str | None:
    """Return the reason that a request is denied, in the words of AWS's message, or ``None`` if it is allowed.

    Args:
        request: The request.
        identity: Statements of the caller's policies.
        own_policy: Statements of the resource's policy.
        foreign: True if the resource is in another account than the caller; both must then allow the request. See
            https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html.
        own_policy_decides: True if the resource's policy must allow the request in any case, at least by delegating
            the decision to the account's IAM.
        boundary: Statements of the caller's permissions boundary, which must allow the request as well; None without
            one. AWS lets a resource's policy that names the session itself pass a boundary, which is left out here. See
            https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html.
    """
    by_identity, by_resource = evaluate(identity, request), evaluate(own_policy, request)
    by_boundary = Effect.ALLOW if boundary is None else evaluate(boundary, request)
    if Effect.DENY in (by_identity, by_resource, by_boundary):
        return EXPLICIT_DENY
    if by_boundary is not Effect.ALLOW:
        return f"because no permissions boundary allows the {request.action} action"
    named = evaluate(own_policy, request, accounts=False) is Effect.ALLOW
    if by_identity is not Effect.ALLOW and (foreign or not named):
        return f"because no identity-based policy allows the {request.action} action"
    if by_resource is not Effect.ALLOW and (foreign or own_policy_decides):
        return f"because no resource-based policy allows the {request.action} action"
    return None


def statements_of(document: Mapping[str, Any]) -> list[Statement]:
    """Return a policy document's statements; a single one need not be in a list."""
    statements = document.get("Statement", [])
    return [statements] if isinstance(statements, Mapping) else list(statements)


def _applies(statement: Statement, request: AccessRequest, accounts: bool) -> bool:
    return (
        _element_applies(statement, "Action", request.action.lower(), lower=True)
        and (request.resource is None or _element_applies(statement, "Resource", request.resource))
        and _principal_applies(statement, request.principal, accounts)
        and all(
            _condition_holds(operator, key, expected, request.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, expected in keys.items()
        )
    )


def _element_applies(statement: Statement, element: str, value: str, *, lower: bool = False) -> bool:
    """Match ``Action`` or ``Resource`` and their negations; trust policies have no ``Resource``."""
    for name, wanted in ((element, True), (f"Not{element}", False)):
        if name in statement:
            patterns = _as_list(statement[name])
            return wanted is any(like(value, pattern.lower() if lower else pattern) for pattern in patterns)
    return True


def _principal_applies(statement: Statement, principal: str, accounts: bool) -> bool:
    if "Principal" not in statement:
        return "NotPrincipal" not in statement
    named = statement["Principal"]
    if named == "*":
        return True
    return any(_is_principal(principal, value, accounts) for values in named.values() for value in _as_list(values))


def _is_principal(principal: str, named: str, accounts: bool) -> bool:
    """Match a principal; an account is named by its number or its ``:root`` ARN."""
    if named in ("*", principal):
        return True
    account = account_of(principal)
    if accounts and account and named in (account, f"arn:aws:iam::{account}:root"):
        return True
    return named == role_arn_of(principal)


def account_of(arn: str) -> str | None:
    """Return the account of an ARN, or ``None`` for a service principal."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else None


def role_arn_of(principal: str) -> str | None:
    """Return the ARN of the role behind an assumed-role session's ARN (roles without a path)."""
    match = re.fullmatch(r"arn:(?P<partition>[^:]+):sts::(?P<account>\d+):assumed-role/(?P<name>[^/]+)/.+", principal)
    return f"arn:{match['partition']}:iam::{match['account']}:role/{match['name']}" if match else None


def like(value: str, pattern: str) -> bool:
    """Match with IAM's wildcards: ``*`` for any characters, ``?`` for exactly one."""
    return _compiled(pattern).fullmatch(value) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))


def _as_list(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in values]


def _in_network(value: str, network: str) -> bool:
    return ipaddress.ip_address(value) in ipaddress.ip_network(network, strict=False)


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, expected: value == expected,
    "StringEqualsIgnoreCase": lambda value, expected: value.lower() == expected.lower(),
    "StringLike": like,
    "ArnEquals": like,
    "ArnLike": like,
    "Bool": lambda value, expected: value.lower() == expected.lower(),
    "NumericEquals": lambda value, expected: float(value) == float(expected),
    "NumericLessThan": lambda value, expected: float(value) < float(expected),
    "NumericLessThanEquals": lambda value, expected: float(value) <= float(expected),
    "NumericGreaterThan": lambda value, expected: float(value) > float(expected),
    "NumericGreaterThanEquals": lambda value, expected: float(value) >= float(expected),
    "IpAddress": _in_network,
}
_NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "NotIpAddress": "IpAddress",
}


def _condition_holds(operator: str, key: str, expected: Any, context: Mapping[str, str]) -> bool:
    """Evaluate a condition key; one missing from the request satisfies only negations and ``IfExists``."""
    value = context.get(key.lower())
    # Each key has a single value here, for which the set operators equal the plain ones.
    set_operator, _, operator = operator.rpartition(":")
    if operator == "Null":
        return (value is None) is (_as_list(expected) == ["true"])
    if value is None and (operator.endswith("IfExists") or set_operator == "ForAllValues"):
        return True
    operator = operator.removesuffix("IfExists")
    if operator in _NEGATIONS:
        return value is None or not _any_matches(_NEGATIONS[operator], value, expected)
    if operator not in _COMPARISONS:
        raise NotImplementedError(
            f"condition operator {operator!r} is not supported by the local cloud; "
            f"known: {sorted((*_COMPARISONS, *_NEGATIONS))}"
        )
    return value is not None and _any_matches(operator, value, expected)


def _any_matches(operator: str, value: str, expected: Any) -> bool:
    return any(_COMPARISONS[operator](value, item) for item in _as_list(expected))
