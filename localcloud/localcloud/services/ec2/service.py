"""Extension of moto: Amazon EC2 networking."""

from localcloud.core.service import Service
from localcloud.services.ec2 import resources

SERVICE = Service(
    name="ec2",
    resources=(
        resources.Vpc,
        resources.Subnet,
        resources.RouteTable,
        resources.SubnetRouteTableAssociation,
        resources.SecurityGroup,
        resources.SecurityGroupIngress,
        resources.SecurityGroupEgress,
        resources.VpcEndpoint,
        resources.FlowLog,
    ),
)
