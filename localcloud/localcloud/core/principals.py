"""Principals in policies: AWS rejects a policy that names a user or a role that does not exist.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html. The
templates of two accounts therefore cannot name each other's roles: one has to be deployed first.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.iam.models import IAMBackend, iam_backends

from localcloud.core.policy import statements_of

_ENTITY = re.compile(r"arn:aws:iam::(?P<account>\d{12}):(user|role)/.+")


def require_known_principals(policy: Mapping[str, Any]) -> None:
    """Check the principals of a resource's policy.

    Raises:
        ValidationError: The policy names a user or a role that does not exist.
    """
    for principal in _named(policy):
        entity = _ENTITY.fullmatch(principal)
        if entity and principal not in _arns(iam_backends[entity["account"]]["aws"]):
            raise ValidationError(message=f"Invalid principal in policy: there is no {principal}")


def _named(policy: Mapping[str, Any]) -> Iterator[str]:
    for statement in statements_of(policy):
        for element in ("Principal", "NotPrincipal"):
            named = statement.get(element)
            accounts = named.get("AWS", []) if isinstance(named, Mapping) else []
            yield from [accounts] if isinstance(accounts, str) else accounts


def _arns(iam: IAMBackend) -> set[str]:
    return {role.arn for role in iam.get_roles()} | {user.arn for user in list(iam.users.values())}
