"""VPC resource types of CloudFormation; moto's own can hardly be updated or deleted.

They are recorded and described, but no traffic passes through them.
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from moto.ec2.models import EC2Backend, ec2_backends

from localcloud.core.resource_model import ResourceModel


class NetworkResource(ResourceModel):
    """A resource of EC2; its id serves as its name.

    Attributes:
        FIXED: Properties that cannot change without replacement.
    """

    FIXED: ClassVar[tuple[str, ...]]
    replaces = True

    def make(self) -> str:
        """Create the resource and return its id."""
        raise NotImplementedError

    def settle(self, before: Self | None) -> None:
        """Apply the properties that can change; ``before`` is the resource before an update."""

    @property
    def ec2(self) -> EC2Backend:
        """EC2 backend of the stack's account and region."""
        return ec2_backends[self.account_id][self.region_name]

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> Self:
        """Create the resource."""
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
        """Update the resource in place, or create its replacement."""
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
        """Return an attribute of moto's VPC."""
        return str(self.ec2.get_vpc(self.name).get_cfn_attribute(attribute_name))

    def make(self) -> str:
        """Create the VPC."""
        return self.ec2.create_vpc(self.properties["CidrBlock"], self.properties.get("InstanceTenancy", "default")).id

    def settle(self, before: Self | None) -> None:
        """Set the DNS options."""
        support, names = self.properties.get("EnableDnsSupport", True), self.properties.get("EnableDnsHostnames", False)
        self.ec2.modify_vpc_attribute(self.name, "enable_dns_support", support)
        self.ec2.modify_vpc_attribute(self.name, "enable_dns_hostnames", names)

    def remove(self) -> None:
        """Delete the VPC, which must be empty."""
        self.ec2.delete_vpc(self.name)


class Subnet(NetworkResource):
    """``AWS::EC2::Subnet``."""

    TYPE = "AWS::EC2::Subnet"
    FIXED = ("VpcId", "CidrBlock", "AvailabilityZone")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return a property of the subnet, or its id."""
        return str({**self.properties, "SubnetId": self.name}[attribute_name])

    def make(self) -> str:
        """Create the subnet."""
        zone = self.properties.get("AvailabilityZone")
        return self.ec2.create_subnet(self.properties["VpcId"], self.properties["CidrBlock"], availability_zone=zone).id

    def settle(self, before: Self | None) -> None:
        """Set the assignment of public addresses."""
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
        """Create the table, with the local route of the VPC."""
        return self.ec2.create_route_table(self.properties["VpcId"]).id

    def remove(self) -> None:
        """Delete the table, which no subnet may use."""
        self.ec2.delete_route_table(self.name)


class SubnetRouteTableAssociation(NetworkResource):
    """``AWS::EC2::SubnetRouteTableAssociation``."""

    TYPE = "AWS::EC2::SubnetRouteTableAssociation"
    FIXED = ("RouteTableId", "SubnetId")

    def make(self) -> str:
        """Associate the table with the subnet."""
        return self.ec2.associate_route_table(self.properties["RouteTableId"], subnet_id=self.properties["SubnetId"])

    def remove(self) -> None:
        """Disassociate the table from the subnet."""
        self.ec2.disassociate_route_table(self.name)


class SecurityGroup(NetworkResource):
    """``AWS::EC2::SecurityGroup``."""

    TYPE = "AWS::EC2::SecurityGroup"
    FIXED = ("GroupDescription", "GroupName", "VpcId")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the group's id, or its VPC's."""
        return str({"GroupId": self.name, "VpcId": self.properties.get("VpcId")}[attribute_name])

    def make(self) -> str:
        """Create the group; all outbound traffic is allowed unless egress rules are given."""
        description, vpc = self.properties["GroupDescription"], self.properties.get("VpcId")
        group = self.ec2.create_security_group(self.properties.get("GroupName", self.name), description, vpc)
        if "SecurityGroupEgress" in self.properties:
            group.egress_rules.clear()
        return group.id

    def settle(self, before: Self | None) -> None:
        """Set the group's inline rules; other rules are resources of their own."""
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
        DIRECTION: ``ingress`` or ``egress``.
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
        """Add the rule."""
        authorize = getattr(self.ec2, f"authorize_security_group_{self.DIRECTION}")
        rules, _ = authorize(**_rule_of(self.properties["GroupId"], self.properties))
        return str(rules[0].id)

    def remove(self) -> None:
        """Remove the rule."""
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
    """Return a rule as arguments for moto."""
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
        """Create the endpoint."""
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
        """Set policy, route tables, subnets and security groups."""
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
        """Create the flow log; nothing is written to it."""
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
