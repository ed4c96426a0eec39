"""Checks of the network."""

from stacks.config.sections.base import Conflicts, conflict
from stacks.config.sections.environment import EnvironmentFields

_KEYS = {"existing": ("subnets", "security_groups"), "private": ("cidr", "zones"), "public": ()}
# https://github.com/PatMyron/cloud/issues/16
_WITH_TWO_ZONES = ("us-west-1",)
_NEEDED = {"subnets": "two ids", "security_groups": "one id"}


def network_conflicts(config: EnvironmentFields) -> Conflicts:
    """Return the conflicts of the network settings."""
    network = config.network
    for mode, keys in _KEYS.items():
        if mode == network.mode:
            continue
        for key in keys:
            if key in network.model_fields_set:
                reason = f"it does not apply to mode {network.mode}"
                yield conflict(f"network.{key}", getattr(network, key), reason, f"no value, or network.mode: {mode}")
    if network.mode == "existing":
        for key in _KEYS["existing"]:
            if not getattr(network, key):
                yield conflict(f"network.{key}", [], "mode existing requires it", f"{_NEEDED[key]} or more")
        if len(network.subnets) == 1:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html
            reason = "an endpoint in a VPC needs subnets in at least two availability zones"
            yield conflict("network.subnets", list(network.subnets), reason, f"{_NEEDED['subnets']} or more")
    if network.mode == "private" and config.region in _WITH_TWO_ZONES and network.zones > 2:
        reason = f"most accounts have two availability zones in {config.region}"
        yield conflict("network.zones", network.zones, reason, "2, or another region")
    if network.mode != "public" and config.serving.mode == "serverless":
        # "Feature exclusions" in https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html.
        reason = "a serverless endpoint cannot be in a VPC"
        yield conflict("serving.mode", "serverless", reason, "instances, or network.mode: public")
