"""Permissions, and the reasons for what in them is wide."""

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
    """Let the grantee do the actions on the resources.

    Args:
        grantee: a role, or what has one.
        actions: each in full.
        resources: ARNs.
        conditions: as in an IAM policy.
        wildcard: why resources with a wildcard are as narrow as they can be; cdk-nag reports those without a reason.
    """
    aws_iam.Grant.add_to_principal(
        grantee=grantee, actions=actions, resource_arns=resources, conditions=conditions and dict(conditions)
    )
    if wildcard:
        acknowledge_wildcards(grantee, resources, wildcard)


def acknowledge_wildcards(grantee: aws_iam.IGrantable, resources: Sequence[str], reason: str) -> None:
    """Acknowledge that policies of the grantee name these resources, of which the name has a wildcard."""
    role = cast("Construct", grantee.grant_principal)
    role.node.add_validation(_WildcardAcknowledgment(role, resources, reason))


@jsii.implements(IValidation)
class _WildcardAcknowledgment:
    """Acknowledges at the first moment at which it is known what cdk-nag will call the finding.

    The name of a finding has the resource as the template has it, and CDK replaces references to other stacks only just
    before it validates the construct tree.
    """

    def __init__(self, role: Construct, resources: Sequence[str], reason: str) -> None:
        self._role = role
        self._resources = resources
        self._reason = reason

    def validate(self) -> list[str]:
        resolved = [_flat(Stack.of(self._role).resolve(resource)) for resource in self._resources]
        # What Validations.acknowledge does, but for the stack trace, which would name temporary files.
        self._role.node.add_metadata(
            Validations.ACKNOWLEDGED_RULES_METADATA_KEY,
            {f"AwsSolutions-IAM5[Resource::{resource}]": self._reason for resource in resolved if "*" in resource},
        )
        return []


def _flat(resolved: Any) -> str:
    """Return a resource as cdk-nag writes it into the name of a finding (its ``flattenCfnReference``)."""
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
