"""The network section and its conflicts with other sections."""

from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stacks.config.environment import EnvironmentConfig
from stacks.config.sections.network import NetworkConfig

_EXISTING = {
    "mode": "existing",
    "subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "security_groups": ["sg-0123456789abcdef0"],
}


def _check(network: Any, **others: Any) -> EnvironmentConfig:
    return EnvironmentConfig.model_validate({"region": "eu-west-1", "network": network, **others})


def _errors(network: Any, **others: Any) -> dict[str, str]:
    """Return the error messages by key."""
    with pytest.raises(ValidationError) as caught:
        _check(network, **others)
    return {".".join(map(str, error["loc"])): error["msg"] for error in caught.value.errors()}


def test_there_is_no_vpc_by_default() -> None:
    assert EnvironmentConfig.model_validate({"region": "eu-west-1"}).network.mode == "public"


@pytest.mark.parametrize(
    "network",
    [
        {"mode": "private"},
        {"mode": "private", "cidr": "172.16.4.0/22", "zones": 3},
        _EXISTING,
        {**_EXISTING, "subnets": [f"subnet-0123456{number}" for number in range(8)]},
        {"encrypt_inter_container_traffic": True},
        {"allow_public": True},
    ],
)
def test_accepted(network: Any) -> None:
    _check(network)


@pytest.mark.parametrize(
    ("network", "key", "message"),
    [
        (
            {"subnets": ["subnet-12345678"]},
            "subnets",
            "it does not apply to mode public; allowed: no value, or network.mode: existing",
        ),
        (
            {"mode": "private", "security_groups": ["sg-12345678"]},
            "security_groups",
            "it does not apply to mode private; allowed",
        ),
        ({"zones": 2}, "zones", "it does not apply to mode public; allowed: no value, or network.mode: private"),
        ({**_EXISTING, "cidr": "10.0.0.0/16"}, "cidr", "it does not apply to mode existing; allowed"),
        ({**_EXISTING, "subnets": []}, "subnets", "mode existing requires it; allowed: two ids or more"),
        ({**_EXISTING, "subnets": ["subnet-12345678"]}, "subnets", "at least two availability zones"),
        ({**_EXISTING, "security_groups": []}, "security_groups", "mode existing requires it; allowed: one id or more"),
        ({**_EXISTING, "subnets": ["subnet-12345678"] * 2}, "subnets", "duplicate subnet-12345678"),
        ({**_EXISTING, "subnets": ["vpc-12345678"]}, "subnets.0", "String should match pattern"),
        ({**_EXISTING, "security_groups": [f"sg-1234567{n}" for n in range(6)]}, "security_groups", "at most 5"),
        ({"mode": "private", "zones": 4}, "zones", "less than or equal to 3"),
        ({"mode": "private", "zones": 1}, "zones", "greater than or equal to 2"),
        (
            {"mode": "private", "cidr": "10.0.0.1/16"},
            "cidr",
            "the address is not the start of the block; allowed: 10.0.0.0/16",
        ),
        ({"mode": "private", "cidr": "10.0.0.0"}, "cidr", "allowed: /16 to /24, for example 10.0.0.0/16"),
        ({"mode": "private", "cidr": "10.0.0.0/8"}, "cidr", "too large or too small; allowed: /16 to /24"),
        ({"mode": "private", "cidr": "10.0.0.0/25"}, "cidr", "too large or too small; allowed: /16 to /24"),
        (
            {"mode": "private", "cidr": "8.8.8.0/24"},
            "cidr",
            "not a private address range; allowed: a part of 10.0.0.0/8, ",
        ),
        ({"mode": "private", "cidr": "fd00::/64"}, "cidr", "not an IPv4 CIDR block; allowed: for example"),
        ({"mode": "private", "cidr": "10.0.0.0/16 "}, "cidr", "not an IPv4 CIDR block"),
        (
            {"mode": "private", "cidr": "10.0.0.0/255.255.0.0"},
            "cidr",
            "not in canonical form; allowed: 10.0.0.0/16",
        ),
        ({"mode": "private", "cidr": "10.0.0.0/016"}, "cidr", "not in canonical form; allowed: 10.0.0.0/16"),
    ],
)
def test_refused(network: Any, key: str, message: str) -> None:
    errors = _errors(network)
    assert list(errors) == [f"network.{key}"]
    assert message in errors[f"network.{key}"]


def test_all_errors_are_reported_at_once() -> None:
    assert set(_errors({"mode": "existing", "cidr": "10.0.0.0/16", "zones": 2})) == {
        "network.subnets",
        "network.security_groups",
        "network.cidr",
        "network.zones",
    }


@pytest.mark.parametrize("network", [{"mode": "private"}, _EXISTING])
def test_a_serverless_endpoint_is_in_no_vpc(network: Any) -> None:
    errors = _errors(network, serving={"mode": "serverless"})
    assert errors == {
        "serving.mode": "a serverless endpoint cannot be in a VPC; allowed: instances, or network.mode: public"
    }
    assert _check({"mode": "public"}, serving={"mode": "serverless"}).serving.mode == "serverless"


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_a_valid_cidr_block_with_room_for_subnets_is_accepted(address: Any, length: int) -> None:
    network = IPv4Network((address, length), strict=False)
    accepted = True
    try:
        NetworkConfig(mode="private", cidr=str(network))
    except ValidationError:
        accepted = False
    private = any(network.subnet_of(IPv4Network(one)) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
    shared = network.subnet_of(IPv4Network("100.64.0.0/10"))
    # /16 is the largest VPC. Split into four, as for three zones, each subnet needs 59 usable addresses.
    assert accepted == ((private or shared) and length >= 16 and network.num_addresses // 4 - 5 >= 59)


@given(st.sampled_from(["10.{}.0.0", "172.{}.0.0", "192.168.{}.0"]), st.integers(0, 255), st.integers(16, 24))
def test_accepted_values_are_kept_as_written(form: str, number: int, length: int) -> None:
    cidr = f"{form.format(number)}/{length}"
    try:
        network = NetworkConfig(mode="private", cidr=cidr)
    except ValidationError:
        return
    assert network.cidr == cidr == str(IPv4Network(cidr))
