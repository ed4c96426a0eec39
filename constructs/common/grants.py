"""IAM grants, with a reason for each wildcard."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import jsii
from aws_cdk import Stack, Validations, aws_iam

from constructs import Construct, IValidation


def grant(
    grantee: aws_iam.IGrantable,
    *,
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: Mapping[str, Mapping[str, str]] | None = None,
    wildcard: str = "",
) -> None:
    """Allow actions on resources.

    Args:
        grantee: Role, or construct with a role.
        actions: Full names of the actions.
        resources: ARNs.
        conditions: Conditions, as in an IAM policy.
        wildcard: Reason why wildcard resources cannot be narrower; without one, cdk-nag reports them.
    """
    aws_iam.Grant.add_to_principal(
        grantee=grantee, actions=actions, resource_arns=resources, conditions=conditions and dict(conditions)
    )
    if wildcard:
        acknowledge_wildcards(grantee, resources, wildcard)


def acknowledge_wildcards(grantee: aws_iam.IGrantable, resources: Sequence[str], reason: str) -> None:
    """Acknowledge resources with a wildcard in the grantee's policies."""
    role = cast("Construct", grantee.grant_principal)
    role.node.add_validation(_WildcardAcknowledgment(role, resources, reason))


@jsii.implements(IValidation)
class _WildcardAcknowledgment:
    """Acknowledgment whose finding IDs are computed as late as possible.

    A finding's ID contains the resource as written in the template, and CDK resolves references to other stacks only
    right before it validates the construct tree.
    """

    def __init__(self, role: Construct, resources: Sequence[str], reason: str) -> None:
        self._role = role
        self._resources = resources
        self._reason = reason

    def validate(self) -> list[str]:
        resolved = [_flat(Stack.of(self._role).resolve(resource)) for resource in self._resources]
        # Equivalent to Validations.acknowledge without the stack trace, which would contain temporary file names.
        self._role.node.add_metadata(
            Validations.ACKNOWLEDGED_RULES_METADATA_KEY,
            {f"AwsSolutions-IAM5[Resource::{resource}]": self._reason for resource in resolved if "*" in resource},
        )
        return []


def _flat(resolved: Any) -> str:
    """Return a resource as cdk-nag writes it in a finding's ID (its ``flattenCfnReference``)."""
    match resolved:
        case str():
            return resolved
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(_flat(part) for part in parts)
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
        case _:
            return json.dumps(resolved, separators=(",", ":"))
