"""Network of jobs, models and functions."""

from ipaddress import AddressValueError, IPv4Network, NetmaskValueError
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from constructs.network.private_network import MOST_ZONES
from stacks.config.sections.base import Also, Section, Words, different, refuse

# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html recommends RFC 1918's ranges; RFC 6598's is
# private as well.
_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
# /16 is EC2's limit. Below /24, a zone's quarter has fewer than 59 addresses for job instances, which need two each,
# both fleets of an endpoint during an update, functions and interface endpoints.
_LARGEST, _SMALLEST = 16, 24


def _range_of_a_vpc(cidr: str) -> str:
    try:
        network = IPv4Network(cidr)
    except (AddressValueError, NetmaskValueError):
        raise refuse("not an IPv4 CIDR block", "for example 10.0.0.0/16") from None
    except ValueError:
        raise refuse("the address is not the start of the block", f"{IPv4Network(cidr, strict=False)}") from None
    if "/" not in cidr or not _LARGEST <= network.prefixlen <= _SMALLEST:
        raise refuse(
            "the block is too large or too small", f"/{_LARGEST} to /{_SMALLEST}, for example {network[0]}/{_LARGEST}"
        )
    if cidr != str(network):
        raise refuse("not in canonical form", str(network))
    if not any(network.subnet_of(private) for private in _PRIVATE):
        raise refuse("not a private address range", f"a part of {', '.join(map(str, _PRIVATE))}")
    return cidr


SubnetId = Annotated[str, Field(pattern=r"^subnet-([0-9a-f]{8}|[0-9a-f]{17})$")]
SecurityGroupId = Annotated[str, Field(pattern=r"^sg-([0-9a-f]{8}|[0-9a-f]{17})$")]


class NetworkConfig(Section):
    """Network in which jobs, models and functions run.

    `public` is SageMaker's and Lambda's own network. `private` creates a VPC without internet access that reaches only
    the required AWS services. `existing` uses your own subnets. See [network.md](network.md).
    """

    mode: Literal["public", "private", "existing"] = Field(
        default="public", description="No VPC, a new one, or an existing one."
    )
    allow_public: bool = Field(default=False, description="Allow mode public in production.")
    subnets: Annotated[
        tuple[SubnetId, ...],
        AfterValidator(different),
        Words("at most 16 ids, for example `subnet-0123456789abcdef0`; in mode existing two or more"),
    ] = Field(default=(), max_length=16, strict=False, description="Subnets, with mode existing.")
    security_groups: Annotated[
        tuple[SecurityGroupId, ...],
        AfterValidator(different),
        Words("at most 5 ids, for example `sg-0123456789abcdef0`; one or more in mode existing"),
    ] = Field(default=(), max_length=5, strict=False, description="Security groups, with mode existing.")
    cidr: Annotated[
        str,
        AfterValidator(_range_of_a_vpc),
        Also(f"a private range from /{_LARGEST} to /{_SMALLEST}"),
    ] = Field(default="10.0.0.0/16", description="CIDR block of the VPC, with mode private.")
    # An endpoint in a VPC needs two: https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html.
    zones: int = Field(
        default=2,
        ge=2,
        le=MOST_ZONES,
        description="Number of availability zones, each with one subnet, with mode private.",
    )
    encrypt_inter_container_traffic: bool = Field(
        default=False,
        description="Encrypt traffic between the hosts of a training job, which slows training down.",
    )
