"""The section of the network."""

from ipaddress import AddressValueError, IPv4Network, NetmaskValueError
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from constructs.network.private_network import MOST_ZONES
from stacks.config.sections.base import Also, Section, Words, different, refuse

# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html recommends RFC 1918's ranges; RFC 6598's is
# private as well.
_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
# A VPC is not larger. Of a smaller one, the quarter that a zone has is fewer than 59 addresses: for the instances of
# jobs, of which each needs two, for those of the endpoint and of its next fleet, for functions and for AWS services.
_LARGEST, _SMALLEST = 16, 24


def _range_of_a_vpc(cidr: str) -> str:
    try:
        network = IPv4Network(cidr)
    except (AddressValueError, NetmaskValueError):
        raise refuse("no range of IPv4 addresses", "for example 10.0.0.0/16") from None
    except ValueError:
        raise refuse("the address lies within the range", f"{IPv4Network(cidr, strict=False)}") from None
    if "/" not in cidr or not _LARGEST <= network.prefixlen <= _SMALLEST:
        raise refuse("too large or too small", f"/{_LARGEST} to /{_SMALLEST}, for example {network[0]}/{_LARGEST}")
    if cidr != str(network):
        raise refuse("not as EC2 writes a range", str(network))
    if not any(network.subnet_of(private) for private in _PRIVATE):
        raise refuse("addresses of others", f"a part of {', '.join(map(str, _PRIVATE))}")
    return cidr


SubnetId = Annotated[str, Field(pattern=r"^subnet-([0-9a-f]{8}|[0-9a-f]{17})$")]
SecurityGroupId = Annotated[str, Field(pattern=r"^sg-([0-9a-f]{8}|[0-9a-f]{17})$")]


class NetworkConfig(Section):
    """Where jobs, models and functions run, and what they reach from there.

    `public` is the network of SageMaker and Lambda. `private` makes a VPC that has no way out and reaches only the AWS
    services that are used here; `existing` is subnets of yours. See [network.md](network.md).
    """

    mode: Literal["public", "private", "existing"] = Field(
        default="public", description="No VPC, one of the environment's own, or one that is there."
    )
    allow_public: bool = Field(
        default=False, description="Whether production may be in mode public, as nobody requires isolation."
    )
    subnets: Annotated[
        tuple[SubnetId, ...],
        AfterValidator(different),
        Words("at most 16 ids, for example `subnet-0123456789abcdef0`; one or more in mode existing"),
    ] = Field(default=(), max_length=16, strict=False, description="Of mode existing: the subnets.")
    security_groups: Annotated[
        tuple[SecurityGroupId, ...],
        AfterValidator(different),
        Words("at most 5 ids, for example `sg-0123456789abcdef0`; one or more in mode existing"),
    ] = Field(default=(), max_length=5, strict=False, description="Of mode existing: the security groups.")
    cidr: Annotated[
        str,
        AfterValidator(_range_of_a_vpc),
        Also(f"a private range from /{_LARGEST} to /{_SMALLEST}"),
    ] = Field(default="10.0.0.0/16", description="Of mode private: the VPC's addresses.")
    zones: int = Field(
        default=2,
        ge=1,
        le=MOST_ZONES,
        description="Of mode private: the number of availability zones, with a subnet in each.",
    )
    encrypt_inter_container_traffic: bool = Field(
        default=False,
        description="Whether the hosts that train one model encrypt what they tell each other, which costs time.",
    )
