"""IAM's policy simulator: SimulatePrincipalPolicy and SimulateCustomPolicy, which moto lacks.

The SageMaker SDK asks it whether the role of a job may be passed. See
https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend, iam_backends
from moto.iam.responses import IamResponse

from localcloud.authorization.principal import Principal
from localcloud.core.policy import EXPLICIT_DENY, AccessRequest, Statement, account_of, decide, statements_of


class InvalidInput(ServiceException):
    """A policy or an ARN of the request is malformed."""

    code = "InvalidInput"


@dataclass(frozen=True)
class _Entity:
    """A user, group or role with its policies, as moto's access keys are.

    Attributes:
        arn: ARN of the entity; for a role, that of a session.
    """

    backend: IAMBackend
    kind: str
    name: str
    arn: str

    def collect_policies(self) -> list[Any]:
        """Return inline and attached policies; a user has those of its groups, too."""
        found = list(self._own(self.kind, self.name))
        if self.kind == "user":
            for group in self.backend.get_groups_for_user(self.name):
                found += self._own("group", group.name)
        return found

    def _own(self, kind: str, name: str) -> Iterator[Any]:
        for policy in getattr(self.backend, f"list_{kind}_policies")(name):
            inline = getattr(self.backend, f"get_{kind}_policy")(name, policy)
            yield inline[1] if kind == "role" else inline
        yield from getattr(self.backend, f"list_attached_{kind}_policies")(name)[0]


def _entity(arn: str) -> _Entity:
    """Return the user, group or role of an ARN.

    Raises:
        InvalidInput: It is the ARN of something else.
        NotFoundException: It does not exist.
    """
    parts = arn.split(":")
    kind, _, path = parts[5].partition("/") if len(parts) == 6 else ("", "", "")
    if kind not in ("user", "group", "role"):
        raise InvalidInput(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    backend, name = iam_backends[account_of(arn) or ""]["aws"], path.rpartition("/")[2]
    try:
        getattr(backend, f"get_{kind}")(name)
    except NotFoundException:
        raise NotFoundException(f"The {kind} with name {name} cannot be found.") from None
    session = f"arn:aws:sts::{account_of(arn)}:assumed-role/{name}/simulation"
    return _Entity(backend, kind, name, session if kind == "role" else arn)


def _simulate_principal_policy(self: IamResponse) -> ActionResult:
    """Handle SimulatePrincipalPolicy."""
    principal = Principal(_entity(self._get_param("PolicySourceArn")))  # type: ignore[arg-type]
    given = self._get_param("PermissionsBoundaryPolicyInputList", [])
    boundary = _statements(given) if given else principal.boundary
    identity = [*principal.identity, *_statements(self._get_param("PolicyInputList", []))]
    return _results(self, principal.arn, identity, boundary)


def _simulate_custom_policy(self: IamResponse) -> ActionResult:
    """Handle SimulateCustomPolicy."""
    given = self._get_param("PermissionsBoundaryPolicyInputList", [])
    identity = _statements(self._get_param("PolicyInputList", []))
    caller = f"arn:aws:iam::{self.current_account}:user/simulation"
    return _results(self, caller, identity, _statements(given) if given else None)


def _results(
    self: IamResponse, principal: str, identity: Sequence[Statement], boundary: Sequence[Statement] | None
) -> ActionResult:
    entries = self._get_param("ContextEntries", [])
    context = {
        str(entry["ContextKeyName"]).lower(): str((entry.get("ContextKeyValues") or [""])[0]) for entry in entries
    }
    own_policy = self._get_param("ResourcePolicy")
    results = []
    for action in self._get_param("ActionNames", []):
        for resource in self._get_param("ResourceArns", []) or ["*"]:
            refusal = decide(
                AccessRequest(principal, action, resource, context),
                identity=identity,
                own_policy=_statements([own_policy]) if own_policy else [],
                foreign=False,
                own_policy_decides=False,
                boundary=boundary,
            )
            results.append(_result(action, resource, refusal))
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})


def _result(action: str, resource: str, refusal: str | None) -> Mapping[str, Any]:
    denied = "explicitDeny" if refusal == EXPLICIT_DENY else "implicitDeny"
    return {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": denied if refusal else "allowed",
        "MatchedStatements": [],
        "MissingContextValues": [],
    }


def _statements(policies: Sequence[str]) -> list[Statement]:
    try:
        return [statement for policy in policies for statement in statements_of(json.loads(policy))]
    except (ValueError, AttributeError) as error:
        raise InvalidInput(f"Invalid policy: {error}") from error


def install() -> None:
    """Add the operations to moto's IAM."""
    IamResponse.simulate_principal_policy = _simulate_principal_policy  # type: ignore[attr-defined]
    IamResponse.simulate_custom_policy = _simulate_custom_policy  # type: ignore[attr-defined]
