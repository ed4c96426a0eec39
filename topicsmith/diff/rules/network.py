"""Added and removed rules of security groups, as the CDK's diff library reports them."""

from collections.abc import Iterator

from topicsmith.diff.model.assembly import JsonObject
from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.pairs import StackPair

_EVERYONE = {"0.0.0.0/0", "::/0"}

RULES = {
    "AWS::EC2::SecurityGroup": {"SecurityGroupIngress", "SecurityGroupEgress"},
    "AWS::EC2::SecurityGroupIngress": None,
    "AWS::EC2::SecurityGroupEgress": None,
}
"""Properties that this rule covers, by type; None for all of them."""


def find(pair: StackPair) -> Iterator[Change]:
    """Yield the traffic that a stack's security groups newly allow or no longer allow."""
    for direction, came in (("ingress", True), ("egress", True), ("ingress", False), ("egress", False)):
        for rule in pair.impact.security_groups.get(f"{direction}Rule{'Additions' if came else 'Removals'}", ()):
            yield _change(pair, rule, direction, came)


def _change(pair: StackPair, rule: JsonObject, direction: str, came: bool) -> Change:
    logical_id = str(rule["groupId"]).removeprefix("${").split(".")[0].removesuffix("}")
    peer = rule.get("peer", {})
    who = str(peer.get("ip") or peer.get("securityGroupId") or peer.get("prefixListId") or "an unknown peer")
    everyone = who in _EVERYONE
    way = "from" if direction == "ingress" else "to"
    exposes = came and everyone and direction == "ingress"
    label = pair.label(logical_id)
    return Change(
        risk=Risk.ACCESS,
        rule="opened" if exposes else "widened" if came else "narrowed",
        message=f"{label} {'allows' if came else 'no longer allows'} {_protocol(rule)} {way} "
        f"{f'everywhere ({who})' if everyone else who}.",
        exposes=exposes,
        order=0 if exposes else 12 if came else 42,
        resources=(logical_id,),
    )


def _protocol(rule: JsonObject) -> str:
    protocol = str(rule["ipProtocol"])
    if protocol == "-1":
        return "all traffic"
    first, last = rule.get("fromPort"), rule.get("toPort")
    ports = "" if first is None else f" {first}" if first == last else f" {first}-{last}"
    return f"{protocol.upper()}{ports}"
