"""Permissions boundaries of roles.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html.
"""

import json
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend, iam_backends

from localcloud.core.policy import Statement, account_of, role_arn_of, statements_of


def boundary_of(principal: str) -> list[Statement] | None:
    """Return the statements of the boundary of a role session, or None if it has none.

    The ARN of a session lacks the path of its role, but names are unique in an account. Without its role or the policy
    of its boundary, a session may do nothing.
    """
    role_arn = role_arn_of(principal)
    if role_arn is None:
        return None
    backend, name = iam_backends[account_of(role_arn) or ""]["aws"], role_arn.rpartition("/")[2]
    role = next((role for role in backend.get_roles() if role.name == name), None)
    if role is not None and not role.permissions_boundary_arn:
        return None
    policy = backend.managed_policies.get(role.permissions_boundary_arn or "") if role else None
    if policy is None:
        return []
    document = next(version.document for version in policy.versions if version.is_default)
    return statements_of(json.loads(document))


def require_exists(backend: IAMBackend, boundary: str | None) -> None:
    """Require that the policy of a boundary exists.

    Raises:
        NotFoundException: It does not.
    """
    if boundary and boundary not in backend.managed_policies:
        raise NotFoundException(f"Scope ARN: {boundary} does not exist or is not attachable.")


def install() -> None:
    """Check boundaries when they are set, which moto does not."""
    for operation in ("create_role", "put_role_permissions_boundary"):
        setattr(IAMBackend, operation, _checked(getattr(IAMBackend, operation)))


def _checked(operation: Callable[..., Any]) -> Callable[..., Any]:
    parameters = signature(operation)

    @wraps(operation)
    def checked(*arguments: Any, **named: Any) -> Any:
        given = parameters.bind(*arguments, **named).arguments
        require_exists(given["self"], given.get("permissions_boundary"))
        return operation(*arguments, **named)

    return checked
