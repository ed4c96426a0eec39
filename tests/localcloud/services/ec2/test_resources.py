"""VPCs in a stack: created, updated in place or replaced, and deleted with everything in them."""

import json
from typing import Any

import pytest

from tests.localcloud.support import SmallCloud, wait_for

Resources = dict[str, Any]


def _deploy(cloud: SmallCloud, verb: str, resources: Resources) -> None:
    client = cloud.client("cloudformation")
    getattr(client, f"{verb}_stack")(StackName="network", TemplateBody=json.dumps({"Resources": resources}))

    def look() -> bool:
        (stack,) = client.describe_stacks(StackName="network")["Stacks"]
        assert "ROLLBACK" not in stack["StackStatus"], client.describe_stack_events(StackName="network")
        return bool(stack["StackStatus"] == f"{verb.upper()}_COMPLETE")

    wait_for(look)


def _ids(cloud: SmallCloud) -> dict[str, str]:
    resources = cloud.client("cloudformation").describe_stack_resources(StackName="network")["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}


def _resource(kind: str, **properties: Any) -> Resources:
    return {"Type": f"AWS::EC2::{kind}", "Properties": properties}


def _ref(name: str) -> Resources:
    return {"Ref": name}


def _network(cidr: str = "10.7.0.0/16", subnet: str = "10.7.0.0/24", port: int = 443, account: str = "1") -> Resources:
    """Return a network with a subnet, an endpoint of each kind, a security group with rules, and a flow log."""
    only = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Sid": f"Account{account}"}
    policy = {"Version": "2012-10-17", "Statement": [only]}
    group = {"Fn::GetAtt": ["Group", "GroupId"]}
    everywhere = {"CidrIp": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    return {
        "Vpc": _resource("VPC", CidrBlock=cidr, EnableDnsHostnames=True, Tags=[{"Key": "account", "Value": account}]),
        "Subnet": _resource("Subnet", VpcId=_ref("Vpc"), CidrBlock=subnet, AvailabilityZone="us-east-1b"),
        "Routes": _resource("RouteTable", VpcId=_ref("Vpc")),
        "Association": _resource("SubnetRouteTableAssociation", RouteTableId=_ref("Routes"), SubnetId=_ref("Subnet")),
        "Group": _resource(
            "SecurityGroup", GroupDescription="jobs", VpcId=_ref("Vpc"), SecurityGroupEgress=[everywhere]
        ),
        "In": _resource("SecurityGroupIngress", GroupId=group, SourceSecurityGroupId=group, IpProtocol="-1"),
        "Out": _resource("SecurityGroupEgress", GroupId=group, DestinationSecurityGroupId=group, IpProtocol="-1"),
        "S3": _resource(
            "VPCEndpoint",
            VpcId=_ref("Vpc"),
            ServiceName="com.amazonaws.us-east-1.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=[_ref("Routes")],
            PolicyDocument=policy,
        ),
        "Sns": _resource(
            "VPCEndpoint",
            VpcId=_ref("Vpc"),
            ServiceName="com.amazonaws.us-east-1.sns",
            VpcEndpointType="Interface",
            SubnetIds=[_ref("Subnet")],
            SecurityGroupIds=[group],
            PrivateDnsEnabled=True,
        ),
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
        "FlowLog": _resource(
            "FlowLog",
            ResourceType="VPC",
            ResourceId=_ref("Vpc"),
            TrafficType="ALL",
            LogGroupName=_ref("Logs"),
            DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/flow-logs",
        ),
    }


@pytest.fixture
def deployed(cloud: SmallCloud) -> Any:
    _deploy(cloud, "create", _network())
    yield _ids(cloud)
    client = cloud.client("cloudformation")
    client.delete_stack(StackName="network")
    wait_for(lambda: "network" not in [stack["StackName"] for stack in client.describe_stacks()["Stacks"]])


def test_a_network_matches_the_template(cloud: SmallCloud, deployed: dict[str, str]) -> None:
    ec2 = cloud.client("ec2")
    vpc = deployed["Vpc"]
    assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"]
    (subnet,) = ec2.describe_subnets(SubnetIds=[deployed["Subnet"]])["Subnets"]
    assert (subnet["VpcId"], subnet["CidrBlock"], subnet["AvailabilityZone"]) == (vpc, "10.7.0.0/24", "us-east-1b")
    (routes,) = ec2.describe_route_tables(RouteTableIds=[deployed["Routes"]])["RouteTables"]
    assert [one["SubnetId"] for one in routes["Associations"] if "SubnetId" in one] == [deployed["Subnet"]]
    assert deployed["S3"] in [route.get("GatewayId") for route in routes["Routes"]]
    (group,) = ec2.describe_security_groups(GroupIds=[deployed["Group"]])["SecurityGroups"]
    itself = [{"GroupId": deployed["Group"]}]
    assert [
        (rule["IpProtocol"], [pair["GroupId"] for pair in rule["UserIdGroupPairs"]]) for rule in group["IpPermissions"]
    ] == [("-1", [itself[0]["GroupId"]])]
    assert {(rule["IpProtocol"], rule.get("FromPort")) for rule in group["IpPermissionsEgress"]} == {
        ("tcp", 443),
        ("-1", None),
    }
    (sns,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[deployed["Sns"]])["VpcEndpoints"]
    assert sns["SubnetIds"] == [deployed["Subnet"]]
    assert [one["GroupId"] for one in sns["Groups"]] == [deployed["Group"]]
    (flow_log,) = ec2.describe_flow_logs(FlowLogIds=[deployed["FlowLog"]])["FlowLogs"]
    assert (flow_log["ResourceId"], flow_log["LogGroupName"]) == (vpc, deployed["Logs"])


def test_rules_policies_and_tags_change_in_place(cloud: SmallCloud, deployed: dict[str, str]) -> None:
    ec2 = cloud.client("ec2")
    _deploy(cloud, "update", _network(port=8443, account="2"))
    assert _ids(cloud) == deployed
    (group,) = ec2.describe_security_groups(GroupIds=[deployed["Group"]])["SecurityGroups"]
    assert {rule.get("FromPort") for rule in group["IpPermissionsEgress"]} == {8443, None}
    (s3,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[deployed["S3"]])["VpcEndpoints"]
    assert json.loads(s3["PolicyDocument"])["Statement"][0]["Sid"] == "Account2"
    (vpc,) = ec2.describe_vpcs(VpcIds=[deployed["Vpc"]])["Vpcs"]
    assert vpc["Tags"] == [{"Key": "account", "Value": "2"}]


def test_a_new_cidr_block_replaces_the_network(cloud: SmallCloud, deployed: dict[str, str]) -> None:
    ec2 = cloud.client("ec2")
    _deploy(cloud, "update", _network(cidr="10.8.0.0/16", subnet="10.8.0.0/24"))
    now = _ids(cloud)
    assert [name for name in deployed if now[name] == deployed[name]] == ["Logs"]
    assert deployed["Vpc"] not in [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]]
    assert deployed["Subnet"] not in [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]


def test_deleting_the_stack_leaves_nothing_behind(cloud: SmallCloud) -> None:
    ec2, client = cloud.client("ec2"), cloud.client("cloudformation")

    def there() -> list[set[str]]:
        interfaces = ec2.describe_network_interfaces()["NetworkInterfaces"]
        return [
            {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]},
            {subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]},
            {table["RouteTableId"] for table in ec2.describe_route_tables()["RouteTables"]},
            {group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]},
            {interface["NetworkInterfaceId"] for interface in interfaces},
            {flow_log["FlowLogId"] for flow_log in ec2.describe_flow_logs()["FlowLogs"]},
        ]

    before = there()
    _deploy(cloud, "create", _network())
    assert all(more > less for more, less in zip(there(), before, strict=True))
    client.delete_stack(StackName="network")
    wait_for(lambda: "network" not in [stack["StackName"] for stack in client.describe_stacks()["Stacks"]])
    assert there() == before
