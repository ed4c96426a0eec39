"""Added, removed and changed resources that no other rule reports."""

from collections.abc import Iterator, Sequence
from typing import Any

from topicsmith.diff.iam import grants
from topicsmith.diff.iam.grants import has_policy
from topicsmith.diff.model.assembly import JsonObject
from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.names import kept_name
from topicsmith.diff.model.pairs import Resource, StackPair, keep_the_id
from topicsmith.diff.model.stateful import ANSWERS, holds_data
from topicsmith.diff.model.values import MISSING, Difference, shown
from topicsmith.diff.rules import network, pipeline, retention
from topicsmith.diff.rules.properties import SAYS_WHO, Verdict, is_open_to_everyone, judge

# Report order, by distance from the callers of the endpoint.
_BEHAVIOUR = {
    "AWS::SageMaker::Endpoint": 10,
    "AWS::SageMaker::Model": 11,
    "AWS::ApplicationAutoScaling::": 12,
    "AWS::ApiGateway": 13,
    "AWS::SageMaker::": 23,
    "AWS::Lambda::": 30,
    "AWS::Events::": 31,
    "AWS::Scheduler::": 31,
    "AWS::SQS::": 32,
    "AWS::SNS::": 33,
    "AWS::CloudWatch::Alarm": 34,
    "AWS::CloudWatch::CompositeAlarm": 34,
    "AWS::Budgets::": 35,
    "Custom::": 36,
}
_NETWORK = "AWS::EC2::"
_PERMISSIONS = ("AWS::IAM::", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy")
# Recreated on every change, and nothing keeps a reference to the old ones.
_MADE_ANEW = {
    "AWS::SageMaker::Model",
    "AWS::SageMaker::EndpointConfig",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::ApiGateway::Deployment",
}
# Layout only: details on demand.
_DRAWN = {"AWS::CloudWatch::Dashboard"}
_AUTHORIZER = "AWS::ApiGatewayV2::Authorizer"
_FOLDED = {"Tags", "FileSystemTags", "HostedZoneTags"}
_PROSE = {"Description", "AlarmDescription", "PipelineDescription", "ModelPackageGroupDescription", "GroupDescription"}
_EXPIRING = {"LifecycleConfiguration", "LifecyclePolicy", "RetentionInDays", "MessageRetentionPeriod"}
_POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")
_ATTRIBUTES = (*_POLICIES, "Condition", "CreationPolicy", "UpdatePolicy")


def find(pair: StackPair) -> Iterator[Change]:
    """Yield the changes of a stack's resources that no other rule reports."""
    for resource in pair.resources:
        if _opens(resource):
            yield _opened(resource)
    yield from _updates(pair)
    yield from _came_and_went(pair)


def is_reported_elsewhere(resource: Resource, name: str) -> bool:
    """Return True if another rule or a folded line reports the property."""
    if name in _FOLDED or (name in _PROSE and not resource.is_replaced):
        return True
    if resource.type == grants.PERMISSION or (_is_about_permissions(resource) and name in grants.PROPERTIES):
        return True
    if name == "ManagedPolicyArns" or has_policy(resource.before().get(name)) or has_policy(resource.after().get(name)):
        return True
    if resource.type in network.RULES:
        names = network.RULES[resource.type]
        return names is None or name in names
    return resource.type == pipeline.TYPE and name == pipeline.DEFINITION


def folded_differences(resource: Resource, names: set[str] | None = None) -> list[Difference]:
    """Return the differences of tags, or of other properties, that are reported together."""
    return [one for one in resource.differences if one.path[0] in (names or _FOLDED)]


def prose(resource: Resource) -> list[Difference]:
    """Return the differences between descriptions that change nothing else."""
    return [] if resource.is_replaced else folded_differences(resource, _PROSE)


def _updates(pair: StackPair) -> Iterator[Change]:
    """Yield the changes of the remaining resources, with equal changes combined."""
    alike: dict[tuple[str, str, tuple[str, ...]], list[Resource]] = {}
    taken: dict[str, list[tuple[Resource, str]]] = {}
    both = [resource for resource in pair.resources if resource.old is not None and resource.new is not None]
    yield from _guarded(both)
    for resource in both:
        lines = _lines(pair, resource)
        replaced = resource.is_replaced and not loses(pair, resource) and resource.type not in _MADE_ANEW
        if lines or (replaced and resource.differences):
            alike.setdefault((resource.type, resource.impact if replaced else "", lines), []).append(resource)
        if (
            resource.is_renamed
            and not loses(pair, resource)
            and (name := kept_name(resource.type, resource.before(), resource.after()))
        ):
            taken.setdefault(resource.type, []).append((resource, name))
        elif (
            resource.impact == "WILL_REPLACE"
            and not loses(pair, resource)
            and (name := kept_name(resource.type, resource.before(), resource.after()))
        ):
            yield _name_kept(resource, name)
    for found in taken.values():
        yield _names_taken(found)
    for (_, impact, lines), resources in alike.items():
        yield _update(resources, impact, lines)


def _guarded(resources: Sequence[Resource]) -> Iterator[Change]:
    """Yield the changes of protective properties, with equal changes combined."""
    alike: dict[tuple[Verdict, tuple[str, ...]], list[Resource]] = {}
    for resource in resources:
        reported: dict[Verdict, list[Difference]] = {}
        for difference in resource.differences:
            verdict = None if _is_opening(resource, difference) else _verdict(resource, difference)
            if verdict is not None and not is_reported_elsewhere(resource, difference.path[0]):
                reported.setdefault(verdict, []).append(difference)
        for verdict, found in reported.items():
            alike.setdefault((verdict, tuple(map(str, found))), []).append(resource)
    for (verdict, lines), found_in in alike.items():
        means = verdict.means or "its protection changes"
        yield Change(
            risk=verdict.risk,
            rule=verdict.rule,
            message=f"{', '.join(one.label for one in found_in)}: "
            f"{'better protected' if verdict.rule == 'guard-on' else means}.",
            details=lines,
            exposes=verdict.exposes,
            order={"guard-off": 2, "encryption-off": 2, "guard-on": 41}.get(verdict.rule, 12),
            resources=tuple(one.logical_id for one in found_in),
        )


def _lines(pair: StackPair, resource: Resource) -> tuple[str, ...]:
    """Return the changes that no other rule reports, as lines."""
    reported = set(resource.replacing) if loses(pair, resource) else set()
    reported |= _EXPIRING if retention.expires_sooner(resource) else set()
    lines = [
        str(one)
        for one in resource.differences
        if one.path[0] not in reported
        and (one.path[0] in resource.replacing or not is_reported_elsewhere(resource, one.path[0]))
        and _verdict(resource, one) is None
    ]
    return (*lines, *_attributes(pair, resource))


def _verdict(resource: Resource, difference: Difference) -> Verdict | None:
    """Return the consequence for the resource's protection, or None if there is none."""
    verdict = judge(difference, resource.type)
    return None if verdict is None or verdict.risk is Risk.REST else verdict


def _update(resources: Sequence[Resource], impact: str, lines: tuple[str, ...]) -> Change:
    first, word = resources[0], resources[0].type.split("::")[-1]
    risk, order = _place(first.type)
    several = len(resources) > 1
    does = "change" if several else "changes"
    if impact:
        what = "new ones" if several else "a new one"
        does = f"{'may be' if impact == 'MAY_REPLACE' else 'are' if several else 'is'} replaced by {what}"
    names = ", ".join(one.label.removeprefix(f"{word} ") for one in resources)
    return Change(
        risk=Risk.BEHAVIOUR if impact and risk is Risk.REST else risk,
        rule="replaced" if impact else "changed",
        message=f"{len(resources)} {word} resources {does} in the same way." if several else f"{first.label} {does}.",
        details=(*lines, f"({names})") if several else lines,
        order=order,
        resources=tuple(one.logical_id for one in resources),
        folded=first.type in _DRAWN,
    )


def _names_taken(found: Sequence[tuple[Resource, str]]) -> Change:
    """Return the change of renamed resources that fail to deploy because the old ones still use their names."""
    (first, name), several = found[0], len(found) > 1
    lines = [
        f"{f'{taken}: ' if several else ''}{one.old_place.logical_id} → {one.logical_id}"
        for one, taken in found
        if one.old_place
    ]
    ones = "new ones before it deletes the old ones" if several else "new one before it deletes the old one"
    what = (
        f"{len(found)} {first.type.split('::')[-1]} resources get another logical id and keep their names"
        if several
        else f"{first.label} gets another logical id and keeps its name {name}"
    )
    return Change(
        risk=Risk.BEHAVIOUR,
        rule="name-taken",
        message=f"{what}: the deployment fails, because CloudFormation creates the {ones}.",
        details=tuple(lines),
        way_out=f"For the first: {keep_the_id(first)}" if several else keep_the_id(first),
        order=1,
        resources=tuple(one.logical_id for one, _ in found),
    )


def _name_kept(resource: Resource, name: str) -> Change:
    """Return the change of a replaced resource that fails to deploy because the old one still uses its name."""
    changed = ", ".join(resource.replacing)
    return Change(
        risk=Risk.BEHAVIOUR,
        rule="name-taken",
        message=f"{resource.label} is replaced, because {changed} cannot change in place, and keeps its name {name}: "
        "the deployment fails, because CloudFormation creates the new one before it deletes the old one.",
        way_out=f"Change the name together with {changed}.",
        order=1,
        resources=(resource.logical_id,),
    )


def _opens(resource: Resource) -> bool:
    if _is_open(resource.type, resource.new) and not _is_open(resource.type, resource.old):
        return True
    issuer = _issuer(resource.type, resource.after())
    return issuer is not None and issuer != _issuer(resource.type, resource.before())


def _issuer(kind: str, properties: JsonObject) -> Any:
    """Return the token issuer that an authorizer trusts; None for any other resource."""
    return properties.get("JwtConfiguration", {}).get("Issuer") if kind == _AUTHORIZER else None


def _is_opening(resource: Resource, difference: Difference) -> bool:
    return difference.path[0] in SAYS_WHO and _opens(resource)


def _is_open(kind: str, resource: JsonObject | None) -> bool:
    return resource is not None and is_open_to_everyone(kind, resource.get("Properties", {}))


def _opened(resource: Resource) -> Change:
    issuer = _issuer(resource.type, resource.after())
    reported = [one for one in resource.differences if one.path[0] in SAYS_WHO]
    if issuer and not reported:
        reported = [Difference(("JwtConfiguration", "Issuer"), MISSING, issuer)]
    return Change(
        risk=Risk.ACCESS,
        rule="opened",
        message=f"{resource.label}: opened to "
        f"{'an identity provider that was not trusted before' if issuer else 'everyone'}.",
        details=tuple(map(str, reported)),
        exposes=True,
        order=0,
        resources=(resource.logical_id,),
    )


def _came_and_went(pair: StackPair) -> Iterator[Change]:
    """Yield the added and removed resources, grouped by type."""
    together: dict[tuple[Risk, int, str, str], list[Resource]] = {}
    for resource in pair.resources:
        if resource.old is not None and resource.new is not None:
            continue
        if resource.is_gone and loses(pair, resource):
            continue
        risk, order = _place(resource.type)
        if _is_about_permissions(resource) or resource.type in network.RULES:
            # The grants of new permission resources are reported instead.
            if not resource.is_gone or resource.type not in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
                continue
            risk, order = Risk.ACCESS, 45
        verb = "gone" if resource.is_gone else "new"
        together.setdefault((risk, order, verb, resource.type), []).append(resource)
    for (risk, order, verb, kind), resources in sorted(together.items(), key=lambda item: item[0]):
        yield _group(risk, order, verb, kind, resources)


def _group(risk: Risk, order: int, verb: str, kind: str, resources: Sequence[Resource]) -> Change:
    first, word = resources[0], kind.split("::")[-1]
    several = len(resources) > 1
    happens = "removed" if verb == "gone" else verb
    return Change(
        risk=risk,
        rule=verb,
        message=f"{len(resources)} {word} resources are {happens}." if several else f"{first.label} is {happens}.",
        details=tuple(one.label.removeprefix(f"{word} ") for one in resources) if several else (),
        order=order,
        resources=tuple(one.logical_id for one in resources),
    )


def _attributes(pair: StackPair, resource: Resource) -> list[str]:
    """Return the changed attributes other than properties, except those reported as losses."""
    assert resource.old is not None
    assert resource.new is not None
    return [
        f"{name}: {shown(resource.old.get(name, MISSING))} → {shown(resource.new.get(name, MISSING))}"
        for name in _ATTRIBUTES
        if resource.old.get(name) != resource.new.get(name)
        and not (loses(pair, resource) and _is_told_as_loss(name, resource.new))
    ]


def _is_told_as_loss(name: str, resource: JsonObject) -> bool:
    if name == "Condition":
        return name in resource
    return name in _POLICIES and resource.get(name, "Delete") == "Delete"


def _is_about_permissions(resource: Resource) -> bool:
    return grants.is_about_permissions(resource.type, resource.after() or resource.before())


def _place(kind: str) -> tuple[Risk, int]:
    if kind.startswith(_NETWORK):
        return Risk.ACCESS, 13
    if kind.startswith(_PERMISSIONS):
        return Risk.ACCESS, 14
    order = next((order for prefix, order in _BEHAVIOUR.items() if kind.startswith(prefix)), None)
    return (Risk.REST, 10) if order is None else (Risk.BEHAVIOUR, order)


def loses(pair: StackPair, resource: Resource) -> bool:
    """Return True if the rules for losses cover the resource."""
    return not pair.is_another_stack and (resource.type in ANSWERS or holds_data(resource.type, pair.impact.stateful))
