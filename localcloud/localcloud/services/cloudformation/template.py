"""Templates that CloudFormation refuses before it touches a resource.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html.
"""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from moto.cloudformation.exceptions import CloudFormationError, ValidationError

_LIMITS = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
_LONGEST_BODY = 51_200
_NAMES = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
_WITHOUT_NAMES = {"AWS::IAM::AccessKey", "AWS::IAM::Policy", "AWS::IAM::UserToGroupAddition"}


class InsufficientCapabilities(CloudFormationError):
    """The request does not acknowledge that the template creates IAM resources."""

    code = "InsufficientCapabilitiesException"


def require_short(body: str | None) -> None:
    """Require that a template in a request has a length that CloudFormation takes; longer ones come from S3.

    Raises:
        ValidationError: It is too long.
    """
    if body is not None and len(body.encode()) > _LONGEST_BODY:
        raise ValidationError(
            message="1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
            f"Member must have length less than or equal to {_LONGEST_BODY}"
        )


def require_capabilities(template: Mapping[str, Any], given: list[str]) -> None:
    """Require the capability that the template's IAM resources need.

    Raises:
        InsufficientCapabilities: It is not given.
    """
    types = [(one.get("Type"), one.get("Properties", {})) for one in template.get("Resources", {}).values()]
    if any(type_ in _NAMES and _NAMES[type_] in properties for type_, properties in types):
        wanted, enough = "CAPABILITY_NAMED_IAM", {"CAPABILITY_NAMED_IAM"}
    elif any(type_ in _NAMES or type_ in _WITHOUT_NAMES for type_, _ in types):
        wanted, enough = "CAPABILITY_IAM", {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}
    else:
        return
    if enough.isdisjoint(given):
        raise InsufficientCapabilities(f"Requires capabilities : [{wanted}]")


def require_well_formed(template: Mapping[str, Any]) -> None:
    """Require that a template keeps the limits and that its references resolve without a cycle.

    Raises:
        ValidationError: It does not.
    """
    for section, most in _LIMITS.items():
        count = len(template.get(section) or {})
        if count > most:
            raise ValidationError(
                message=f"Template format error: Number of {section.lower()}, {count}, is greater than maximum "
                f"allowed, {most}"
            )
    resources = template.get("Resources") or {}
    if not resources:
        raise ValidationError(message="Template format error: At least one Resources member must be defined.")
    known = {*resources, *(template.get("Parameters") or {})}
    graph: TopologicalSorter[str] = TopologicalSorter()
    for logical_id, declaration in resources.items():
        depends_on = declaration.get("DependsOn", [])
        explicit = [depends_on] if isinstance(depends_on, str) else depends_on
        names = [*explicit, *references(declaration)]
        unknown = sorted({name for name in names if name not in known and not name.startswith("AWS::")})
        if unknown:
            raise ValidationError(
                message=f"Template format error: Unresolved resource dependencies [{', '.join(unknown)}] in the "
                "Resources block of the template"
            )
        graph.add(logical_id, *(name for name in names if name in resources))
    try:
        graph.prepare()
    except CycleError as error:
        cycle = ", ".join(sorted(set(error.args[1])))
        raise ValidationError(message=f"Circular dependency between resources: [{cycle}]") from error


def references(value: Any) -> Iterator[str]:
    """Yield every name referenced by ``Ref``, ``Fn::GetAtt`` or ``Fn::Sub``."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str):
                yield item
            elif key == "Fn::GetAtt":
                yield item[0] if isinstance(item, list) else item.split(".", 1)[0]
            elif key == "Fn::Sub":
                text = item[0] if isinstance(item, list) else item
                local = item[1] if isinstance(item, list) and len(item) > 1 else {}
                names = (part.split("}", 1)[0].split(".", 1)[0] for part in text.split("${")[1:])
                yield from (name for name in names if name not in local and not name.startswith("!"))
            yield from references(item)
