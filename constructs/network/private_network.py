"""VPC without internet access, with endpoints for the required AWS services."""

from collections.abc import Sequence

from aws_cdk import Aws, aws_ec2, aws_iam

from constructs import Construct
from constructs.common.log_group import build_log_group
from constructs.network.placement import NetworkPlacement

MOST_ZONES = 3
"""Maximum number of availability zones, each with one subnet."""

_HTTPS = 443


class PrivateNetwork(Construct):
    """Isolated subnets with VPC endpoints that accept only requests of this account.

    S3 has a free gateway endpoint; every other service has an interface endpoint in each subnet. See
    https://docs.aws.amazon.com/sagemaker/latest/dg/infrastructure-give-access.html.

    Attributes:
        placement: Placement for jobs, models and functions.
    """

    def __init__(
        self, scope: Construct, id: str, *, cidr: str, zones: int, services: Sequence[str], log_retention_days: int
    ) -> None:
        """Create the network in the first availability zones of the stack.

        Args:
            scope: Parent construct.
            id: Construct ID.
            cidr: CIDR block of the VPC.
            zones: Number of availability zones, at most :data:`MOST_ZONES`.
            services: Services besides S3, named as in interface endpoints, for example ``sagemaker.api``.
            log_retention_days: Retention of the flow log.
        """
        super().__init__(scope, id)
        self._vpc = self._build_vpc(cidr, zones)
        self._build_flow_log(log_retention_days)
        endpoints = self._build_endpoints(services)
        workloads = self._build_workloads(endpoints)
        self.placement = NetworkPlacement(
            subnet_ids=[subnet.subnet_id for subnet in self._vpc.isolated_subnets],
            security_group_ids=[workloads.security_group_id],
        )

    def _build_vpc(self, cidr: str, zones: int) -> aws_ec2.Vpc:
        return aws_ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=aws_ec2.IpAddresses.cidr(cidr),
            subnet_configuration=[
                aws_ec2.SubnetConfiguration(name="Isolated", subnet_type=aws_ec2.SubnetType.PRIVATE_ISOLATED)
            ],
            max_azs=zones,
            # Reserving their addresses keeps the subnets in place when a zone is added.
            reserved_azs=MOST_ZONES - zones,
            nat_gateways=0,
            # The default group is unused. CDK would empty it with a function that may change security groups.
            restrict_default_security_group=False,
        )

    def _build_flow_log(self, retention_days: int) -> None:
        log_group = build_log_group(self, "FlowLogs", retention_days=retention_days)
        self._vpc.add_flow_log("FlowLog", destination=aws_ec2.FlowLogDestination.to_cloud_watch_logs(log_group))

    def _build_endpoints(self, services: Sequence[str]) -> aws_ec2.SecurityGroup:
        """Build the endpoints and return the security group of their interfaces."""
        group = aws_ec2.SecurityGroup(
            self,
            "Endpoints",
            vpc=self._vpc,
            description="The interfaces of AWS services",
            allow_all_outbound=False,
        )
        self._vpc.add_gateway_endpoint("S3", service=aws_ec2.GatewayVpcEndpointAwsService.S3).add_to_policy(
            _own_requests()
        )
        for service in services:
            endpoint = self._vpc.add_interface_endpoint(
                "".join(part.capitalize() for part in service.split(".")),
                service=aws_ec2.InterfaceVpcEndpointAwsService(service),
                security_groups=[group],
                open=False,
            )
            endpoint.add_to_policy(_own_requests())
        return group

    def _build_workloads(self, endpoints: aws_ec2.SecurityGroup) -> aws_ec2.SecurityGroup:
        group = aws_ec2.SecurityGroup(
            self,
            "Workloads",
            vpc=self._vpc,
            description="Jobs, models and functions",
            allow_all_outbound=False,
        )
        # The hosts of a training job choose their ports and use a separate protocol for encryption.
        group.connections.allow_internally(aws_ec2.Port.all_traffic(), "Hosts of one job")
        # S3's addresses are unknown at synthesis. The only routes lead to S3 and to the VPC itself.
        group.add_egress_rule(aws_ec2.Peer.any_ipv4(), aws_ec2.Port.tcp(_HTTPS), "S3 and the endpoints: all routes")
        endpoints.add_ingress_rule(group, aws_ec2.Port.tcp(_HTTPS), "Jobs, models and functions")
        return group


def _own_requests() -> aws_iam.PolicyStatement:
    """Return an endpoint policy that admits only requests of this account.

    It prevents exfiltration with credentials of another account. See
    https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html.
    """
    return aws_iam.PolicyStatement(
        principals=[aws_iam.AnyPrincipal()],
        actions=["*"],
        resources=["*"],
        conditions={"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}},
    )
