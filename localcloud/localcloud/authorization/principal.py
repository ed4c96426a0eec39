"""Principals: callers of the API and roles that services assume, with their policies."""

import json
from contextvars import ContextVar
from typing import Any

from moto.iam import access_control
from moto.iam.models import Policy

from localcloud.core.policy import Statement, account_of, statements_of
from localcloud.core.role_sessions import RoleSession
from localcloud.services.iam.boundaries import boundary_of


class Principal:
    """A user or a role session. Its policies are read at each use, since they may change.

    Attributes:
        arn: ARN of the user or of the session.
    """

    def __init__(self, key: access_control.IAMUserAccessKey | access_control.AssumedRoleAccessKey):
        self._key = key
        self.arn: str = key.arn

    @classmethod
    def of_session(cls, session: RoleSession) -> "Principal":
        """Return the principal of a role session."""
        headers = {"X-Amz-Security-Token": session.session_token}
        account = account_of(session.role_arn) or ""
        return cls(access_control.create_access_key(account, "aws", session.access_key_id, headers))

    @property
    def identity(self) -> list[Statement]:
        """Statements of its own policies."""
        policies: list[Any] = list(self._key.collect_policies())
        return [statement for policy in policies for statement in statements_of(_document(policy))]

    @property
    def boundary(self) -> list[Statement] | None:
        """Statements of its permissions boundary; None without one."""
        return boundary_of(self.arn)


calling: ContextVar[Principal | None] = ContextVar("calling", default=None)
"""The caller of the current request."""


def _document(policy: Any) -> dict[str, Any]:
    """Return a policy's document from any of moto's representations."""
    if isinstance(policy, Policy):
        policy = next(version.document for version in policy.versions if version.is_default)
    if isinstance(policy, dict):
        return _document(policy["policy_document"]) if "policy_document" in policy else policy
    document: dict[str, Any] = json.loads(policy)
    return document
