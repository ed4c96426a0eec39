"""Recreated resources with side effects outside themselves.

CloudFormation creates the new resource before it deletes the old one. Renaming a resource is therefore not harmless if
both configure the same third resource, or if the old one is used outside the stack.
"""

import re
from collections.abc import Iterator

from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.pairs import Resource, StackPair, keep_the_id

# These properties identify the target of the settings; deleting the old resource removes them.
_SETS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ("ResourceId", "ScalableDimension"),
    "AWS::S3::BucketPolicy": ("Bucket",),
    "AWS::SNS::TopicPolicy": ("Topics",),
    "AWS::SQS::QueuePolicy": ("Queues",),
}
_KNOWN_OUTSIDE = {
    "AWS::IAM::ManagedPolicy": "wherever it is attached outside this stack, attach the new one",
    "AWS::SNS::Subscription": "its address must confirm the subscription again",
    "AWS::SNS::Topic": "subscribers from outside this stack must subscribe again",
}
_REFERENCE = re.compile(r"\$\{([A-Za-z0-9]+)")


def find(pair: StackPair) -> Iterator[Change]:
    """Yield the recreated resources of a stack that have side effects."""
    for resource in pair.resources:
        if resource.is_renamed and (means := _meaning(pair, resource)):
            old = resource.old_place.logical_id if resource.old_place else resource.logical_id
            yield _change(
                resource, f"gets another logical id, {old} → {resource.logical_id}", means, keep_the_id(resource)
            )
        elif resource.is_replaced and resource.type in _KNOWN_OUTSIDE:
            yield _change(resource, "is replaced", _KNOWN_OUTSIDE[resource.type], None)


def _change(resource: Resource, what: str, means: str, way_out: str | None) -> Change:
    return Change(
        risk=Risk.BEHAVIOUR,
        rule="made-anew",
        message=f"{resource.label} {what}: {means}.",
        way_out=way_out,
        order=1,
        resources=(resource.logical_id,),
    )


def _meaning(pair: StackPair, resource: Resource) -> str | None:
    if resource.type in _KNOWN_OUTSIDE:
        return _KNOWN_OUTSIDE[resource.type]
    keys = _SETS.get(resource.type)
    if keys is None:
        return None
    before, after = ([str(side.get(key)) for key in keys] for side in (resource.before(), resource.after()))
    anew = {one.logical_id for one in pair.resources if one.is_renamed or one.old is None}
    if before != after or anew.intersection(_REFERENCE.findall(" ".join(after))):
        return None
    return (
        "CloudFormation creates the new one and then deletes the old one, which configures the same target. The "
        "deployment fails, or the configuration is gone afterwards"
    )
