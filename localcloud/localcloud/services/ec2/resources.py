"""VPCs in CloudFormation; moto's own models of them are mostly neither changed nor deleted.

They are kept, so that they can be described, and nothing goes through them.
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from moto.ec2.models import EC2Backend, ec2_backends

from localcloud.core.resource_model import ResourceModel


class NetworkResource(ResourceModel):
    """A resource of EC2, whose id is its name here.

    Attributes:
        FIXED: the properties that a change cannot keep the resource for.
    """

    FIXED: ClassVar[tuple[str, ...]]
    replaces = True

    def make(self) -> str:
        """Make the resource and return its id."""
        raise NotImplementedError

    def settle(self, before: Self | None) -> None:
        """Bring what can be changed to the properties, given the resource before an update."""

    @property
    def ec2(self) -> EC2Backend:
        """EC2 in the stack's account and region."""
        return ec2_backends[self.account_id][self.region_name]

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> Self:
        """Make the resource."""
        resource = cls(resource_name, cloudformation_json.get("Properties", {}), account_id, region_name)
        resource.name = resource.make()
        resource._settle(None)
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Self:
        """Change the resource in place, or make another one."""
        properties = cloudformation_json.get("Properties", {})
        if any(properties.get(name) != original_resource.properties.get(name) for name in cls.FIXED):
            return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        resource = cls(original_resource.name, properties, account_id, region_name)
        resource._settle(original_resource)
        return resource

    def _settle(self, before: Self | None) -> None:
        self.settle(before)
        tags = {tag["Key"]: tag["Value"] for tag in self.properties.get("Tags", [])}
        if before:
            gone = {tag["Key"] for tag in before.properties.get("Tags", [])} - tags.keys()
            self.ec2.delete_tag_keys([self.name], list(gone))
        self.ec2.create_tags([self.name], tags)


class Vpc(NetworkResource):
    """``AWS::EC2::VPC``."""

    TYPE = "AWS::EC2::VPC"
    status_reason = "recorded: the local cloud's jobs and functions are in no VPC"
    FIXED = ("CidrBlock", "InstanceTenancy")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return what moto knows of the VPC."""
        return str(self.ec2.get_vpc(self.name).get_cfn_attribute(attribute_name))

    def make(self) -> str:
        """Make the VPC."""
        return self.ec2.create_vpc(self.properties["CidrBlock"], self.properties.get("InstanceTenancy", "default")).id

    def settle(self, before: Self | None) -> None:
        """Say whether there is DNS in it."""
        support, names = self.properties.get("EnableDnsSupport", True), self.properties.get("EnableDnsHostnames", False)
        self.ec2.modify_vpc_attribute(self.name, "enable_dns_support", support)
        self.ec2.modify_vpc_attribute(self.name, "enable_dns_hostnames", names)

    def remove(self) -> None:
        """Delete the VPC, in which nothing may be."""
        self.ec2.delete_vpc(self.name)


class Subnet(NetworkResource):
    """``AWS::EC2::Subnet``."""

    TYPE = "AWS::EC2::Subnet"
    FIXED = ("VpcId", "CidrBlock", "AvailabilityZone")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return what the template says of the subnet, or its id."""
        return str({**self.properties, "SubnetId": self.name}[attribute_name])

    def make(self) -> str:
        """Make the subnet."""
        zone = self.properties.get("AvailabilityZone")
        return self.ec2.create_subnet(self.properties["VpcId"], self.properties["CidrBlock"], availability_zone=zone).id

    def settle(self, before: Self | None) -> None:
        """Say whether instances get public addresses."""
        public = bool(self.properties.get("MapPublicIpOnLaunch"))
        self.ec2.modify_subnet_attribute(self.name, "map_public_ip_on_launch", public)

    def remove(self) -> None:
        """Delete the subnet."""
        self.ec2.delete_subnet(self.name)


class RouteTable(NetworkResource):
    """``AWS::EC2::RouteTable``."""

    TYPE = "AWS::EC2::RouteTable"
    FIXED = ("VpcId",)

    def make(self) -> str:
        """Make the table, with a route to the VPC's own addresses."""
        return self.ec2.create_route_table(self.properties["VpcId"]).id

    def remove(self) -> None:
        """Delete the table, which no subnet may have."""
        self.ec2.delete_route_table(self.name)


class SubnetRouteTableAssociation(NetworkResource):
    """``AWS::EC2::SubnetRouteTableAssociation``."""

    TYPE = "AWS::EC2::SubnetRouteTableAssociation"
    FIXED = ("RouteTableId", "SubnetId")

    def make(self) -> str:
        """Give the subnet the table."""
        return self.ec2.associate_route_table(self.properties["RouteTableId"], subnet_id=self.properties["SubnetId"])

    def remove(self) -> None:
        """Take the table from the subnet."""
        self.ec2.disassociate_route_table(self.name)


class SecurityGroup(NetworkResource):
    """``AWS::EC2::SecurityGroup``."""

    TYPE = "AWS::EC2::SecurityGroup"
    FIXED = ("GroupDescription", "GroupName", "VpcId")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the group's id, or its VPC's."""
        return str({"GroupId": self.name, "VpcId": self.properties.get("VpcId")}[attribute_name])

    def make(self) -> str:
        """Make the group; without a word about what goes out, everything may."""
        description, vpc = self.properties["GroupDescription"], self.properties.get("VpcId")
        group = self.ec2.create_security_group(self.properties.get("GroupName", self.name), description, vpc)
        if "SecurityGroupEgress" in self.properties:
            group.egress_rules.clear()
        return group.id

    def settle(self, before: Self | None) -> None:
        """Have the rules that the group itself names; others are resources of their own."""
        for direction in ("ingress", "egress"):
            key = f"SecurityGroup{direction.capitalize()}"
            for rule in before.properties.get(key, []) if before else []:
                getattr(self.ec2, f"revoke_security_group_{direction}")(**_rule_of(self.name, rule))
            for rule in self.properties.get(key, []):
                getattr(self.ec2, f"authorize_security_group_{direction}")(**_rule_of(self.name, rule))

    def remove(self) -> None:
        """Delete the group."""
        self.ec2.delete_security_group(group_id=self.name)


class SecurityGroupRule(NetworkResource):
    """One rule of a security group.

    Attributes:
        DIRECTION: what it lets through.
    """

    FIXED = (
        "CidrIp",
        "Description",
        "DestinationSecurityGroupId",
        "FromPort",
        "GroupId",
        "IpProtocol",
        "SourceSecurityGroupId",
        "ToPort",
    )
    DIRECTION: ClassVar[str]

    def make(self) -> str:
        """Let it through."""
        authorize = getattr(self.ec2, f"authorize_security_group_{self.DIRECTION}")
        rules, _ = authorize(**_rule_of(self.properties["GroupId"], self.properties))
        return str(rules[0].id)

    def remove(self) -> None:
        """Let it through no more."""
        revoke = getattr(self.ec2, f"revoke_security_group_{self.DIRECTION}")
        revoke(**_rule_of(self.properties["GroupId"], self.properties))


class SecurityGroupIngress(SecurityGroupRule):
    """``AWS::EC2::SecurityGroupIngress``."""

    TYPE = "AWS::EC2::SecurityGroupIngress"
    DIRECTION = "ingress"


class SecurityGroupEgress(SecurityGroupRule):
    """``AWS::EC2::SecurityGroupEgress``."""

    TYPE = "AWS::EC2::SecurityGroupEgress"
    DIRECTION = "egress"


def _rule_of(group_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule, as moto authorizes and revokes it."""
    other = properties.get("SourceSecurityGroupId") or properties.get("DestinationSecurityGroupId")
    cidr = properties.get("CidrIp")
    return {
        "group_name_or_id": group_id,
        "ip_protocol": properties["IpProtocol"],
        "from_port": properties.get("FromPort"),
        "to_port": properties.get("ToPort"),
        "ip_ranges": [{"CidrIp": cidr, "Description": properties.get("Description", "")}] if cidr else [],
        "source_groups": [{"GroupId": other}] if other else [],
    }


class VpcEndpoint(NetworkResource):
    """``AWS::EC2::VPCEndpoint``."""

    TYPE = "AWS::EC2::VPCEndpoint"
    FIXED = ("ServiceName", "VpcEndpointType", "VpcId")

    def make(self) -> str:
        """Make the endpoint."""
        given = self.properties
        policy = given.get("PolicyDocument")
        return self.ec2.create_vpc_endpoint(
            vpc_id=given["VpcId"],
            service_name=given["ServiceName"],
            endpoint_type=given.get("VpcEndpointType", "Gateway"),
            policy_document=json.dumps(policy) if policy else None,
            route_table_ids=given.get("RouteTableIds", []),
            subnet_ids=given.get("SubnetIds", []),
            security_group_ids=given.get("SecurityGroupIds", []),
            private_dns_enabled=given.get("PrivateDnsEnabled"),
        ).id

    def settle(self, before: Self | None) -> None:
        """Be where the properties say, and let through what they say."""
        if before is None:
            return
        endpoint = self.ec2.vpc_end_points[self.name]
        endpoint.policy_document = json.dumps(self.properties.get("PolicyDocument", endpoint.DEFAULT_POLICY))
        endpoint.route_table_ids = self.properties.get("RouteTableIds", [])
        endpoint.subnet_ids = self.properties.get("SubnetIds", [])
        endpoint.security_group_ids = self.properties.get("SecurityGroupIds", [])

    def remove(self) -> None:
        """Delete the endpoint."""
        self.ec2.delete_vpc_endpoints([self.name])


class FlowLog(NetworkResource):
    """``AWS::EC2::FlowLog``."""

    TYPE = "AWS::EC2::FlowLog"
    FIXED = ("DeliverLogsPermissionArn", "LogDestinationType", "LogGroupName", "ResourceId", "TrafficType")

    def make(self) -> str:
        """Make the flow log, to which nothing is written."""
        given = self.properties
        request: dict[str, Any] = {
            "resource_type": given["ResourceType"],
            "resource_ids": [given["ResourceId"]],
            "traffic_type": given["TrafficType"],
            "deliver_logs_permission_arn": given.get("DeliverLogsPermissionArn"),
            "log_destination_type": given.get("LogDestinationType"),
            "log_destination": given.get("LogDestination"),
            "log_group_name": given.get("LogGroupName"),
            "log_format": given.get("LogFormat"),
            "max_aggregation_interval": given.get("MaxAggregationInterval"),
        }
        (flow_log,), _ = self.ec2.create_flow_logs(**request)
        return flow_log.id

    def remove(self) -> None:
        """Delete the flow log."""
        self.ec2.delete_flow_logs([self.name])
