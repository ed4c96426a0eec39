"""VPC placement of jobs, models and functions.

SageMaker and Lambda create the network interfaces with the execution roles. For the permissions required, see
https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html and
https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from aws_cdk import ArnFormat, Stack, aws_iam, aws_lambda, aws_sagemaker

from constructs.common.grants import grant
from constructs.definition.expressions import Json

_CREATE = "ec2:CreateNetworkInterface"
_SAGEMAKER_ON_INTERFACES = ["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"]
_SAGEMAKER_ON_ANYTHING = [
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
]
_LAMBDA_ON_INTERFACES = ["ec2:AssignPrivateIpAddresses", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"]
_LAMBDA_ON_ANYTHING = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]


@dataclass(frozen=True, kw_only=True)
class NetworkPlacement:
    """Subnets and security groups of a VPC.

    Attributes:
        subnet_ids: IDs of the subnets.
        security_group_ids: IDs of the security groups.
    """

    subnet_ids: Sequence[str]
    security_group_ids: Sequence[str]

    def to_request(self) -> Mapping[str, Json]:
        """Return the ``VpcConfig`` of a SageMaker request."""
        return {"SecurityGroupIds": list(self.security_group_ids), "Subnets": list(self.subnet_ids)}

    def to_property(self) -> aws_sagemaker.CfnModel.VpcConfigProperty:
        """Return the ``VpcConfig`` of a CloudFormation model."""
        return aws_sagemaker.CfnModel.VpcConfigProperty(
            security_group_ids=list(self.security_group_ids), subnets=list(self.subnet_ids)
        )

    def grant_sagemaker(self, role: aws_iam.Role) -> None:
        """Allow SageMaker to connect the instances of jobs and models with this role."""
        self._grant(role, on_interfaces=_SAGEMAKER_ON_INTERFACES, on_anything=_SAGEMAKER_ON_ANYTHING)

    def place(self, function: aws_lambda.Function) -> None:
        """Connect a function to the VPC.

        The function's role gets the permissions that Lambda needs. As AWS recommends, its own code is denied them.
        """
        # The L2 construct requires a VPC object, although neither the template nor Lambda needs one.
        resource = cast("aws_lambda.CfnFunction", function.node.default_child)
        resource.vpc_config = aws_lambda.CfnFunction.VpcConfigProperty(
            security_group_ids=list(self.security_group_ids), subnet_ids=list(self.subnet_ids)
        )
        role = cast("aws_iam.Role", function.role)
        self._grant(role, on_interfaces=_LAMBDA_ON_INTERFACES, on_anything=_LAMBDA_ON_ANYTHING)
        # Naming the function would be a circular dependency: it is created after its role's policies.
        any_function = Stack.of(function).format_arn(
            service="lambda", resource="function", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        role.add_to_policy(
            aws_iam.PolicyStatement(
                effect=aws_iam.Effect.DENY,
                actions=[_CREATE, *_LAMBDA_ON_INTERFACES, *_LAMBDA_ON_ANYTHING],
                resources=["*"],
                conditions={"ArnLike": {"lambda:SourceFunctionArn": any_function}},
            )
        )

    def _grant(self, role: aws_iam.Role, *, on_interfaces: Sequence[str], on_anything: Sequence[str]) -> None:
        stack = Stack.of(role)
        # Subnets and security groups may be shared by another account.
        shared = {"subnet": self.subnet_ids, "security-group": self.security_group_ids}
        places = [
            stack.format_arn(service="ec2", account="*", resource=resource, resource_name=id_)
            for resource, ids in shared.items()
            for id_ in ids
        ]
        grant(
            role,
            actions=[_CREATE],
            resources=[stack.format_arn(service="ec2", resource="network-interface", resource_name="*"), *places],
            wildcard="EC2 makes the ids of network interfaces; the subnets and security groups are named.",
        )
        grant(
            role,
            actions=on_interfaces,
            resources=[stack.format_arn(service="ec2", resource="*", resource_name="*")],
            wildcard="EC2 makes the ids of network interfaces, and Lambda asks for all resources before there are any.",
        )
        grant(role, actions=on_anything, resources=["*"], wildcard="These actions of EC2 know no resources.")
