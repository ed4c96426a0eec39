"""Resources that come anew, where more follows from that than another id.

CloudFormation makes the new one before it deletes the old one. Where both set the same thing of a third resource, or
somebody outside knows the old one, a rename is not what it seems.
"""

import re
from collections.abc import Iterator

from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.pairs import Resource, StackPair, keep_the_id

# What they set is found by these properties; the old one's deletion removes it.
_SETS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ("ResourceId", "ScalableDimension"),
    "AWS::S3::BucketPolicy": ("Bucket",),
    "AWS::SNS::TopicPolicy": ("Topics",),
    "AWS::SQS::QueuePolicy": ("Queues",),
}
_KNOWN_OUTSIDE = {
    "AWS::IAM::ManagedPolicy": "who has it attached outside of this stack has to attach the new one",
    "AWS::SNS::Subscription": "its address has to confirm again",
    "AWS::SNS::Topic": "its subscribers have to subscribe again",
}
_REFERENCE = re.compile(r"\$\{([A-Za-z0-9]+)")


def find(pair: StackPair) -> Iterator[Change]:
    """Yield the resources of a stack that come anew with more effect than that."""
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
        "CloudFormation makes the new one and then deletes the old one, which is about the same. The deployment fails, "
        "or what both set is gone after it"
    )
