"""Network interfaces in a VPC, which services create with a role: only the role's permissions are checked.

See https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html and
https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.authorization.enforcement import NotAuthorized, require_of_role
from localcloud.authorization.s3_objects import Permission
from localcloud.core.errors import LocalCloudError
from localcloud.core.policy import account_of
from localcloud.core.role_sessions import RoleSession

_SAGEMAKER_ON_INTERFACES = ("CreateNetworkInterfacePermission", "DeleteNetworkInterface")
_SAGEMAKER_ON_ALL = (
    "DeleteNetworkInterfacePermission",
    "DescribeDhcpOptions",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcs",
)
_LAMBDA_ON_INTERFACES = ("AssignPrivateIpAddresses", "DeleteNetworkInterface", "UnassignPrivateIpAddresses")
_LAMBDA_ON_ALL = ("DescribeNetworkInterfaces", "DescribeSubnets")


class NotConnected(LocalCloudError):
    """A function's role may not create network interfaces."""

    def __init__(self, action: str):
        super().__init__(f"The provided execution role does not have permissions to call {action} on EC2")


def connect_to_vpc(session: RoleSession, vpc_config: Mapping[str, Any] | None) -> None:
    """Connect a job or a model of SageMaker to its VPC, if it has one.

    Raises:
        NotAuthorized: The role lacks a permission.
    """
    if vpc_config and vpc_config.get("Subnets"):
        places = [*vpc_config["Subnets"], *vpc_config["SecurityGroupIds"]]
        require_of_role(session, _permissions(session, places, _SAGEMAKER_ON_INTERFACES, _SAGEMAKER_ON_ALL))


def connect_function(session: RoleSession, vpc_config: Mapping[str, Any] | None) -> None:
    """Connect a Lambda function to its VPC, if it has one.

    Raises:
        NotConnected: The role lacks a permission.
    """
    if vpc_config and vpc_config.get("SubnetIds"):
        places = [*vpc_config["SubnetIds"], *vpc_config.get("SecurityGroupIds", [])]
        for permission in _permissions(session, places, _LAMBDA_ON_INTERFACES, _LAMBDA_ON_ALL):
            try:
                require_of_role(session, [permission])
            except NotAuthorized as denial:
                raise NotConnected(permission.action.partition(":")[2]) from denial


def _permissions(
    session: RoleSession, places: list[str], on_interfaces: tuple[str, ...], on_all: tuple[str, ...]
) -> Iterator[Permission]:
    def arn(kind: str, name: str) -> str:
        return f"arn:aws:ec2:{session.region}:{account_of(session.role_arn)}:{kind}/{name}"

    interface = arn("network-interface", "eni-0123456789abcdef0")
    yield Permission("ec2:CreateNetworkInterface", interface)
    for place in places:
        kind = "security-group" if place.startswith("sg-") else "subnet"
        yield Permission("ec2:CreateNetworkInterface", arn(kind, place))
    for action in on_interfaces:
        yield Permission(f"ec2:{action}", interface)
    for action in on_all:
        yield Permission(f"ec2:{action}", "*")
